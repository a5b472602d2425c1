"""A file of targets: what it plans, or each fault with its line and what is allowed."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from pipelines.scoring.target_file import METRICS, SHIPPED, TargetFile, read_target_file
from pipelines.settings import ROOT
from pipelines.tables.inputs import contract_of

PLAN = "plan:\n- {metric: revenue, period: month, values: {2025-07: 120000.00}}\n"
GROWTH = "growth:\n- {metric: average_receipt, by: +20 %, base: 2025-04 to 2025-06, until: 2026-06}\n"


def read(text: str) -> TargetFile:
    return read_target_file(Path("targets.yaml"), text.encode())


def faults(text: str) -> list[str]:
    return [f"{fault}".removeprefix("targets.yaml, ") for fault in read(text).faults]


def plan(line: str) -> list[str]:
    return faults(f"plan:\n- {{{line}}}\n")


def test_a_plan_names_figure_cut_and_period_with_its_days():
    text = "plan:\n- {metric: receipts, by: acquisition source, value: app, period: week, values: {2025-W27: 12}}\n"
    (planned,) = read(text).planned
    assert planned == (
        *("receipts", "acquisition_source", "app", "week", date(2025, 6, 30), date(2025, 7, 6)),
        Decimal(12),
    )


def test_a_growth_target_has_its_base_and_month():
    (growth,) = read(GROWTH + "- {metric: orders, by: 7.5%, base: 2025-06, until: 2025-07}\n").targets.growth[1:]
    assert (growth.by, growth.base, growth.until) == (
        Decimal("0.075"),
        (date(2025, 6, 1), date(2025, 6, 1)),
        date(2025, 7, 1),
    )


def test_all_figures_are_columns_of_kpi_period():
    assert set(METRICS) <= {column.name for column in contract_of("kpi_period").columns}
    assert len(METRICS) == len(set(METRICS))


def test_the_shipped_file_plans_nothing_and_its_examples_are_sound():
    assert read_target_file(SHIPPED) == TargetFile()
    lines = SHIPPED.read_text().splitlines()
    examples = lines[
        lines.index("# plan:") : lines.index(
            "# loyalty check says what is wrong with this file, line by "
            "line, before a night reads it. While it has a fault, the night"
        )
    ]
    found = read("\n".join(line.removeprefix("# ").removeprefix("#") for line in examples))
    assert (found.faults, len(found.planned), len(found.targets.growth)) == ((), 3, 2)
    assert {name for name in METRICS if name not in "\n".join(lines)} == set()


def test_a_file_that_a_setting_names_must_be_there(tmp_path, monkeypatch):
    (fault,) = read_target_file(tmp_path / "none.yaml").faults
    assert f"{fault}" == (
        f"{tmp_path}/none.yaml: the file can't be read: No such file or directory; LOYALTY_TARGETS says where the "
        "targets are"
    )
    monkeypatch.setattr("pipelines.scoring.target_file.SHIPPED", tmp_path / "none.yaml")
    assert read_target_file(tmp_path / "none.yaml") == TargetFile()
    assert ROOT in SHIPPED.parents


@pytest.mark.parametrize("text", ["", "# nothing\n", "plan:\ngrowth:\n", "plan: []\n"])
def test_a_file_without_entries_plans_nothing(text):
    assert read(text) == TargetFile()


def test_an_unknown_figure_is_told_all_that_there_are():
    (fault,) = plan("metric: revenu, period: month, values: {2025-07: 1}")
    assert fault == (
        "line 2, plan, no. 1, metric: 'revenu' is no key figure that can be planned. Did you mean revenue? There are: "
        + ", ".join(sorted(METRICS))
    )


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("-1", "-1 is below 0; a plan can't be"),
        (".inf", "inf is no finite number"),
        (".nan", "nan is no finite number"),
        ("1e400", "'1e400' is no number; write it plainly, like 120000.00, without blanks, signs or quotes"),
        ("'5'", "'5' is no number; write it plainly, like 120000.00, without blanks, signs or quotes"),
        ("yes", "'yes' is no number; write it plainly, like 120000.00, without blanks, signs or quotes"),
        ("1000000000001", "1000000000001 is too large; the most is 1000000000000"),
        ("0.1234567", "0.1234567 has more than 6 decimals"),
        ("", "has no value; write one, or take the line out"),
    ],
)
def test_an_impossible_value_is_refused(value, message):
    found = plan(f"metric: revenue, period: month, values: {{2025-07: {value}}}")
    assert found == [f"line 2, plan, no. 1, values, 2025-07: {message}"]


@pytest.mark.parametrize(
    ("kind", "key", "like"),
    [
        ("month", "2025-13", "2025-07"),
        ("month", "2025-7", "2025-07"),
        ("month", "2025", "2025-07"),
        ("week", "2025-W54", "2025-W27"),
        ("week", "2025-07-01", "2025-W27"),
        ("day", "2025-02-30", "2025-07-01"),
        ("day", "9999-12-31", "2025-07-01"),
    ],
)
def test_a_key_that_is_no_period_of_the_kind_is_refused(kind, key, like):
    found = plan(f"metric: revenue, period: {kind}, values: {{{key}: 1}}")
    assert found == [f"line 2, plan, no. 1, values, {key}: '{key}' is no {kind}; write it like {like}"]


def test_all_faults_are_said_at_once_with_the_nearest_names():
    text = "plan:\n- metric: revenue\n  periode: month\n  values: {2025-07: 1}\n- 7\ngrowths: []\n"
    assert faults(text) == [
        "line 2, plan, no. 1, period: is missing",
        "line 3, plan, no. 1, periode: 'periode' is no field. Did you mean period? There are: by, metric, period, "
        "value, values",
        "line 5, plan, no. 2: has no fields; write each on a line of its own, with : after its name",
        "line 6, growths: 'growths' is no field. Did you mean growth? There are: growth, plan",
    ]


def test_a_cut_needs_its_value_and_a_number_is_no_name_of_a_store():
    assert plan("metric: revenue, by: store, period: month, values: {2025-07: 1}") == [
        "line 2, plan, no. 1: by: and value: belong together, like by: store and value: S01"
    ]
    assert plan("metric: revenue, by: store, value: 007, period: month, values: {2025-07: 1}") == [
        "line 2, plan, no. 1, value: 7 is no text; write it in quotes, with all its zeros, like '0012'"
    ]
    assert plan("metric: revenue, by: shop, value: x, period: month, values: {2025-07: 1}") == [
        "line 2, plan, no. 1, by: 'shop' is no cut. There are: acquisition_source, category, channel, region, segment, "
        "store"
    ]


def test_what_is_planned_twice_is_refused_also_under_two_keys():
    assert faults(PLAN + "- {metric: revenue, period: month, values: {2025-07: 5}}\n") == [
        "line 3, plan, no. 2, values, 2025-07: is planned on line 2, too; which one counts?"
    ]
    assert plan("metric: revenue, period: month, values: {2025-07: 5, 2025-07: 6}") == [
        "line 2, plan, no. 1, values, 2025-07: is there twice; which one counts?"
    ]
    assert faults(GROWTH + GROWTH.splitlines()[1]) == [
        "line 3, growth, no. 2: is a second target of average_receipt with the same base and until"
    ]


def test_a_share_above_1_is_refused():
    assert plan("metric: participation_rate, period: month, values: {2025-07: 52}") == [
        "line 2, plan, no. 1, values, 2025-07: 52 is above 1; participation_rate is a share: 52 % is 0.52"
    ]


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("by", "20", "20 is no growth; write it above 0 and with %, like +20 %"),
        ("by", "-5 %", "'-5 %' is no growth; write it above 0 and with %, like +20 %"),
        ("by", "0 %", "'0 %' is no growth; write it above 0 and with %, like +20 %"),
        ("base", "2025-06 to 2025-04", "'2025-06 to 2025-04' ends before it begins"),
        ("base", "last year", "'last year' are no months; write them like 2025-04 to 2025-06, or one like 2025-06"),
        ("until", "2025-06", "2025-06 is not after the base"),
        ("until", "summer", "'summer' is no month; write it like 2025-07"),
        ("metric", "members", "'members' is no key figure that can grow. Did you mean buyers? There are: "),
    ],
)
def test_a_growth_target_at_fault_is_refused(field, value, message):
    fields = {"metric": "orders", "by": "+20 %", "base": "2025-04 to 2025-06", "until": "2026-06"} | {field: value}
    (fault,) = faults("growth:\n- {" + ", ".join(f"{name}: {text}" for name, text in fields.items()) + "}\n")
    assert fault.startswith(f"line 2, growth, no. 1, {field}: {message}")


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("plan: [", "targets.yaml, line 1: not readable as YAML"),
        ("- 1\n", "targets.yaml: has no plan: and growth:"),
        ("plan: 5\n", "targets.yaml, line 1, plan: is no list"),
        ("growth: {a: 1}\n", "targets.yaml, line 1, growth: is no list"),
        (
            "plan:\n- {metric: revenue, period: month, values: 5}\n",
            "targets.yaml, line 2, plan, no. 1, values: has no per",
        ),
        (
            "plan:\n- {metric: revenue, period: month, values: {}}\n",
            "targets.yaml, line 2, plan, no. 1, values: is empty",
        ),
        ("&a [*a]\n", "targets.yaml: an alias (*) stands within what it is an alias of"),
    ],
)
def test_what_is_no_file_of_targets_is_said(text, start):
    (fault,) = read(text).faults
    assert f"{fault}".startswith(start)


def test_a_file_in_another_encoding_is_said():
    (fault,) = read_target_file(Path("targets.yaml"), "# Ziel für".encode("cp1252")).faults
    assert f"{fault}" == "targets.yaml: the file is not in UTF-8; save it as UTF-8"
