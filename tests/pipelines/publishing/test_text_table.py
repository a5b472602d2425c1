"""Tables of text: what lines up with what."""

from pipelines.publishing.text_table import text_table


def test_the_first_column_is_aligned_left_the_others_right():
    assert text_table([("night", "rows"), ("a longer one", "1"), ("b", "1,000")]) == (
        "  night          rows\n"  #
        "  a longer one      1\n"
        "  b             1,000"
    )


def test_no_line_ends_in_blanks():
    assert text_table([("night", "state"), ("a", "")]).splitlines()[1] == "  a"
