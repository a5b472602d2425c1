"""The check of campaign files in `make lint`."""

from pipelines.ops.check_campaigns import problems

GOOD = """
campaigns:
- {id: hello, name: Hello, segment: champions, priority: 1, window_days: 30, control_share: 0, channels: [
    {channel: email, target: mautic, fields: {patronymic: middle_name}}]}
"""


def test_a_good_file_is_silent_and_what_is_wrong_is_named(tmp_path):
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text(GOOD)
    bad.write_text(GOOD.replace("champions", "nobody"))
    assert problems([good]) == []
    [problem] = problems([good, bad])
    assert problem.startswith(f"{bad}, line 3, campaign hello, segment: 'nobody' is no segment")
