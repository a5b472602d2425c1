"""The tier file: its rules, or each fault with file, line and field."""

from decimal import Decimal
from pathlib import Path

import pytest

from pipelines.scoring.tier_file import TierFileError, read_tiers, tier_file
from pipelines.settings import Settings

SOUND = """\
basis: spend
period: calendar_year
tiers:
- {name: Silber, threshold: 0}
- {name: Gold, threshold: 199.50}
"""


def faults(tmp_path: Path, text: str) -> list[str]:
    path = tmp_path / "tiers.yaml"
    path.write_text(text)
    with pytest.raises(TierFileError) as error:
        read_tiers(path)
    return [line.removeprefix(f"{path}, ").removeprefix(f"{path}: ") for line in f"{error.value}".splitlines()]


def test_a_sound_file_gives_its_rules(tmp_path):
    (tmp_path / "tiers.yaml").write_text(SOUND.replace("calendar_year", "rolling 12 months"))
    rules = read_tiers(tmp_path / "tiers.yaml")
    assert (rules.basis, rules.rolling_months) == ("spend", 12)
    assert [(tier.name, tier.threshold) for tier in rules.tiers] == [("Silber", 0), ("Gold", Decimal("199.5"))]


@pytest.mark.parametrize(
    ("was", "now", "fault"),
    [
        ("basis: spend\n", "", "basis: is missing"),
        ("spend", "orders", "line 1, basis: 'orders' is no basis; write spend, purchase_days or points_earned"),
        (
            "calendar_year",
            "rolling 37 months",
            "line 2, period: 'rolling 37 months' is no period; write calendar_year, or rolling 12 months (1 to 36)",
        ),
        ("199.50", "-1", "line 5, tiers, no. 2, threshold: -1 is too small; the least is 0"),
        (
            "199.50",
            ".nan",
            "line 5, tiers, no. 2, threshold: nan is no amount; write a number like 200 or 199.50, with three "
            "decimals at most",
        ),
        (
            "199.50",
            ".inf",
            "line 5, tiers, no. 2, threshold: inf is no amount; write a number like 200 or 199.50, with three "
            "decimals at most",
        ),
        (
            "199.50",
            "0",
            "line 5, tiers, no. 2, threshold: 0 is not above 0, that of Silber; begin with the lowest",
        ),
        ("Gold", "silber", "line 5, tiers, no. 2, name: silber is the name of an earlier tier, too"),
        ("name: Gold", "name: 7", "line 5, tiers, no. 2, name: 7 is no text; put it in quotes"),
        ("basis: spend", "basis: spend\nbasis: spend", "line 2, basis: is there twice; which one counts?"),
        ("basis: spend", "bases: spend", "basis: is missing"),
    ],
)
def test_a_fault_names_line_and_field(tmp_path, was, now, fault):
    assert fault in faults(tmp_path, SOUND.replace(was, now, 1))


def test_all_faults_are_named_at_once_in_the_order_of_lines(tmp_path):
    found = faults(tmp_path, SOUND.replace("spend", "spent").replace("{name: Gold, threshold: 199.50}", "Gold"))
    assert [fault.split(":")[0] for fault in found] == ["line 1, basis", "line 5, tiers, no. 2"]


@pytest.mark.parametrize("text", ["", "- spend", "basis: ["])
def test_what_is_no_such_file_is_said(tmp_path, text):
    assert len(faults(tmp_path, text)) == 1


def test_a_missing_file_is_a_fault_only_where_the_setting_names_it(tmp_path):
    path = tmp_path / "mine.yaml"
    named = tier_file(Settings(_env_file=None, home=tmp_path, tiers=path))
    assert named.rules is None
    assert named.faults == (f"{path}: there is no such file; LOYALTY_TIERS says where the tiers are",)
    default = Settings(_env_file=None, home=tmp_path)
    default.__dict__["tiers"] = path
    assert tier_file(default).faults == ()
