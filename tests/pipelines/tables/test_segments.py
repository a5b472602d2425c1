"""What the warehouse says of a segment: the words and the SELECT of its file."""

import pytest

from pipelines.catalog import segment_files
from pipelines.errors import LoyaltyError
from pipelines.tables.segments import described


def test_the_first_comment_lines_are_the_description_and_what_follows_is_the_rule():
    sql = "-- Regulars: come weekly.\n-- To thank.\n-- Calendar: month\nSELECT a\n-- a remark\nFROM t\n"
    assert described(sql) == ("Regulars: come weekly. To thank.", "SELECT a\n-- a remark\nFROM t")


@pytest.mark.parametrize("sql", ["SELECT a FROM t", "-- Calendar: month\nSELECT a FROM t"])
def test_a_segment_that_does_not_say_who_is_in_it_is_refused(sql: str):
    with pytest.raises(LoyaltyError, match="begins with a comment that says who is in it"):
        described(sql)


def test_every_segment_has_words_and_a_rule():
    assert all(all(described(path.read_text(encoding="utf-8"))) for path in segment_files())
