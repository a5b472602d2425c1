"""Batch expectations: what a batch is compared with, what is left out, and what a failure says."""

import json
import re
from dataclasses import replace

import jsonschema
import pytest
import yaml
from batches import NIGHTS, judged, load, not_met, receipts
from open_data_contract_standard.model import OpenDataContractStandard

from pipelines.contracts import CONTRACTS, read_contract, sources
from pipelines.errors import BadDataError, LoyaltyError
from pipelines.intake import batch_validation
from pipelines.intake.batch_figures import FIGURES
from pipelines.intake.batch_validation import check_accepted
from pipelines.publishing.night_warnings import night_warnings


def test_the_defaults_are_a_valid_contract_and_every_source_has_them():
    path = CONTRACTS / "every_source.yaml"
    jsonschema.validate(yaml.safe_load(path.read_text()), json.loads(OpenDataContractStandard.json_schema()))
    names = [expectation.name for expectation in read_contract(path).expectations]
    assert len(names) > 8
    for contract in sources().values():
        assert [e.name for e in contract.expectations[: len(names)]] == names
        assert all(e.figure in FIGURES and e.description and e.advice for e in contract.expectations)


def test_a_source_keeps_what_its_own_expectation_leaves_out():
    (own,) = (e for e in sources()["receipts"].expectations if e.name == "reject_rate")
    (default,) = (e for e in sources()["surveys"].expectations if e.name == "reject_rate")
    assert dict(own.arguments) == {"column": "rejected_share", "max_value": 0.01}
    assert dict(default.arguments) == {"column": "rejected_share", "max_value": 0.05}
    assert (own.severity, own.minimum_rows, own.advice) == ("warn", 100, default.advice)


def test_an_expectation_does_not_change_how_a_source_is_read():
    contract = sources()["receipts"]
    assert repr(replace(contract, expectations=(), control_amount=None)) == repr(contract)


@pytest.mark.parametrize(
    ("severity", "implementation", "why"),
    [
        ("error", "{type: t, kwargs: {column: rejected_share}}", "severity 'error' is neither fail nor warn"),
        ("warn", "{type: t, kwargs: {max_value: 1}}", "no type, or no kwargs with a column"),
        ("warn", "rejected_share < 1", "no type, or no kwargs with a column"),
        ("warn", "{kwargs: {column: rejected_share}}", "'type'"),
    ],
)
def test_a_broken_expectation_is_named(tmp_path, severity, implementation, why):
    path = tmp_path / "broken.yaml"
    path.write_text(
        "schema:\n- name: broken\n  quality:\n  - {name: mine, type: custom, engine: greatExpectations, "
        f"severity: {severity}, implementation: {implementation}}}\n"
    )
    with pytest.raises(ValueError, match=rf"broken\.yaml: not a valid data contract: .*{re.escape(why)}"):
        read_contract(path)


def test_nothing_is_judged_on_next_to_nothing_and_no_page_is_written(retailer):
    retailer.deliver(NIGHTS[0], receipts=receipts(NIGHTS[0], 2))
    night = load(retailer, NIGHTS[0])
    assert retailer.rows(night, "batch_expectation") == []
    assert not (retailer.home / "quality").exists()


def test_a_good_batch_meets_what_can_be_judged(retailer):
    retailer.deliver(NIGHTS[0], receipts=receipts(NIGHTS[0], 100))
    night = load(retailer, NIGHTS[0])
    assert judged(retailer, night) == {
        "dated_after_night": ("warn", True, "0 of 100 rows are dated after the night"),
        "dated_after_night_mostly": ("fail", True, "0 of 100 rows are dated after the night"),
        "dated_long_ago": ("warn", True, "0 of 100 rows are dated before 1990-01-01"),
        "money_lost": ("fail", True, "0.00 of 500.00 of total_amount is in 0 rejected rows"),
        "duplicate_rate": ("warn", True, "0 of 100 rows are duplicates"),
        "reject_rate": ("warn", True, "0 of 100 rows are rejected"),
        "reject_rate_extreme": ("fail", True, "0 of 100 rows are rejected"),
    }


@pytest.mark.parametrize(("rejected", "unmet"), [(1, []), (2, [("receipts", "reject_rate")])])
def test_more_rejected_rows_than_the_contract_allows_are_a_warning(retailer, rejected, unmet):
    bad = "".join(f"bad{n},{NIGHTS[0]},?\n" for n in range(rejected))
    retailer.deliver(NIGHTS[0], receipts=receipts(NIGHTS[0], 100 - rejected) + bad)
    assert not_met(retailer, load(retailer, NIGHTS[0])) == unmet


def test_a_batch_mostly_rejected_stops_the_night_and_says_all_there_is_to_say(retailer):
    half = receipts(NIGHTS[0], 49) + "".join(f"bad{n},{NIGHTS[0]},?\n" for n in range(51))
    crm = "customer_id,registered_at\n" + "c1,never\n" * 100
    retailer.deliver(NIGHTS[0], receipts=half, crm_customers=crm)
    with pytest.raises(BadDataError) as error:
        load(retailer, NIGHTS[0])
    advice = "Look at the file's columns, decimal mark and time format against the contract; have it delivered again."
    wanted = "Expected: At most half of the rows are rejected (rejected_share: max_value 0.5)."
    folder = retailer.home / "quality" / NIGHTS[0]
    assert str(error.value).split("\n") == [
        f"crm_customers: expectation reject_rate_extreme is not met: 100 of 100 rows are rejected: 100 by "
        f"registered_at_unreadable (column registered_at, for example crm_customers.csv, row 1). {wanted} {advice}",
        f"receipts: expectation reject_rate_extreme is not met: 51 of 100 rows are rejected: 51 by "
        f"total_amount_unreadable (column total_amount, for example receipts.csv, row 50). {wanted} {advice}",
        "receipts: expectation money_lost is not met: 255.00 of 500.00 of total_amount is in 51 rejected rows: 51 by "
        "total_amount_unreadable (column total_amount, for example receipts.csv, row 50); the amount of 51 of them "
        "was not read, they count at the mean. Expected: At most 5 % of the money is in rejected rows; one whose "
        "amount can't be read counts at the mean (lost_amount_share: max_value 0.05). Look at the rejected rows "
        "(loyalty rejected). Have the source mend the column that their rule names, or mend its decimal mark or date "
        "order in the contract or mapping.yaml; then run the night again.",
        f"Nothing was published. All that was judged: {folder}/index.html; the rejected rows: loyalty rejected --date "
        f"{NIGHTS[0]}. If the data are right as they are, let this one night pass: loyalty run --date {NIGHTS[0]} "
        "--accept crm_customers.reject_rate_extreme --accept receipts.reject_rate_extreme --accept receipts.money_lost",
    ]
    assert {path.name for path in folder.iterdir()} == {"index.html", "crm_customers.html", "receipts.html"}
    assert "51 of 100 rows are rejected" in (folder / "receipts.html").read_text()


def test_a_severity_raised_in_the_contract_stops_the_night(retailer, monkeypatch):
    contract = sources()["receipts"]
    raised = tuple(replace(e, severity="fail") if e.name == "reject_rate" else e for e in contract.expectations)
    strict = {**sources(), "receipts": replace(contract, expectations=raised)}
    monkeypatch.setattr(batch_validation, "sources", lambda: strict)
    retailer.deliver(NIGHTS[0], receipts=receipts(NIGHTS[0], 97) + f"a,{NIGHTS[0]},?\n" * 3)
    with pytest.raises(BadDataError, match="receipts: expectation reject_rate is not met: 3 of 100 rows are rejected"):
        load(retailer, NIGHTS[0])


def test_what_was_not_met_is_in_the_summary(retailer):
    retailer.deliver(NIGHTS[0], receipts=receipts(NIGHTS[0], 97) + f"a,{NIGHTS[0]},?\n" * 3)
    night = load(retailer, NIGHTS[0])
    assert night_warnings(retailer.settings, night.lake.manifest(night.run_date))[-1:] == [
        "receipts: expectation reject_rate is not met: 3 of 100 rows are rejected: 3 by total_amount_unreadable "
        "(column total_amount, for example receipts.csv, row 98). Expected: At most 1 % of the rows are "
        "rejected (rejected_share: max_value 0.01). Table rejected_rows says which rule each row breaks; have the "
        "source mend them and deliver them again.",
    ]


def test_the_same_night_again_is_judged_the_same_and_the_pages_are_the_latest(retailer):
    retailer.deliver(NIGHTS[0], receipts=receipts(NIGHTS[0], 100))
    first, again = (load(retailer, NIGHTS[0]) for _ in range(2))
    for table in ("batch_expectation", "batch_profile"):
        assert retailer.rows(first, table) == retailer.rows(again, table)
    (retailer.home / "landing" / NIGHTS[0] / "receipts.csv").write_text(receipts(NIGHTS[0], 1))
    load(retailer, NIGHTS[0])
    assert not (retailer.home / "quality" / NIGHTS[0]).exists()


def test_a_night_stops_if_more_than_a_tenth_of_a_source_is_not_read(retailer):
    folder = retailer.deliver(NIGHTS[0], receipts=receipts(NIGHTS[0], 100))
    (folder / "receipts-2.csv").write_text(receipts(NIGHTS[0], 9))
    assert judged(retailer, load(retailer, NIGHTS[0]))["unread_files"][:2] == ("fail", True)
    (folder / "receipts-2.csv").write_text(receipts(NIGHTS[0], 20))
    with pytest.raises(BadDataError, match=r"receipts: expectation unread_files .*not read: receipts-2\.csv"):
        load(retailer, NIGHTS[0])


# --- a person lets one stop pass ---


def half_rejected(retailer):
    rows = receipts(NIGHTS[0], 49) + "".join(f"bad{n},{NIGHTS[0]},?\n" for n in range(51))
    retailer.deliver(NIGHTS[0], receipts=rows)


def test_an_accepted_limit_passes_once_and_the_night_says_so(retailer):
    half_rejected(retailer)
    accept = ["receipts.reject_rate_extreme", "receipts.money_lost", "surveys.reject_rate_extreme"]
    night = load(retailer, NIGHTS[0], accept=accept)
    rows = retailer.rows(night, "batch_expectation", "expectation, is_met, is_accepted")
    assert ("reject_rate_extreme", False, True) in rows
    assert [name for name, _, is_accepted in rows if is_accepted] == ["money_lost", "reject_rate_extreme"]
    manifest = night.lake.manifest(night.run_date)
    assert manifest.accepted == tuple(accept)
    said = night_warnings(retailer.settings, manifest)
    assert [text for text in said if text.endswith("It was accepted for this night (--accept).")] != []
    assert "--accept surveys.reject_rate_extreme was not needed: it would not have stopped the night" in said
    with pytest.raises(BadDataError, match="reject_rate_extreme is not met"):
        load(retailer, NIGHTS[0])


def test_another_limit_still_stops_the_night(retailer):
    half_rejected(retailer)
    with pytest.raises(BadDataError, match="receipts: expectation reject_rate_extreme is not met"):
        load(retailer, NIGHTS[0], accept=["receipts.reject_rate"])


def test_an_unknown_limit_is_refused_with_the_nearest_name():
    with pytest.raises(
        LoyaltyError, match=r"'receipts\.reject_rate_extrem'; the nearest is receipts\.reject_rate_extreme"
    ):
        check_accepted(["receipts.reject_rate_extrem"])
    assert check_accepted(["receipts.reject_rate", "receipts.reject_rate"]) == ("receipts.reject_rate",)
