"""Promo codes: one form for all spellings of a code, wherever it comes from."""
# ruff: noqa: RUF001 (letters that look like others are what is tested)

import unicodedata

import pytest
from extracts import NEXT, NIGHT
from hypothesis import given
from hypothesis import strategies as st

from pipelines.contracts import CONTRACTS, ContractError, sources
from pipelines.intake.codes import normal_code
from pipelines.publishing.night_warnings import night_warnings

ONLY = frozenset(sources())


@pytest.mark.parametrize(
    ("spellings", "code"),
    [
        (("SUMMER10", "summer10", " Summer10 ", "ＳＵＭＭＥＲ１０", "summer１０\u3000"), "SUMMER10"),
        (("ЛЕТО10", "лето10", "Лето10\u00a0"), "ЛЕТО10"),
        (("INDIRIM", "indirim", "İNDİRİM", "ındırım", "i\u0307ndirim"), "INDIRIM"),
        (("straße5", "STRASSE5", "STRAẞE5"), "STRASSE5"),
        (("caf\u00e9", "CAFE\u0301"), "CAF\u00c9"),
        (("λόγος", "ΛΌΓΟΣ", "λόγοσ"), "ΛΌΓΟΣ"),
        (("SUMMER 10",), "SUMMER 10"),
        (("10-A", "10-a"), "10-A"),
    ],
)
def test_spellings_of_a_code_are_one_code(spellings, code):
    assert {normal_code(spelling) for spelling in spellings} == {code}


@given(st.text(max_size=8))
def test_the_normal_form_of_a_normal_form_is_itself(text):
    code = normal_code(text)
    assert code is None or normal_code(code) == code


@given(st.text(st.characters(categories=["Lu", "Ll", "Nd", "P", "Zs"]), max_size=8))
def test_capitals_never_make_another_code(text):
    assert normal_code(text) == normal_code(text.casefold()) == normal_code(unicodedata.normalize("NFKC", text))


def deliver(retailer, night=NIGHT, **extracts):
    retailer.deliver(night, **extracts)
    return retailer.load(night, only=ONLY)


def test_codes_and_their_redemptions_meet_in_one_form(retailer):
    night = deliver(
        retailer,
        promo_codes="promo_code,value\nSummer10,1\nлето10,2\n",
        promo_redemptions="promo_code,receipt_id\nSUMMER10,r1\n summer10 ,r2\nЛето10,r3\n",
    )
    assert retailer.rows(night, "promo_codes", "promo_code") == [("SUMMER10",), ("ЛЕТО10",)]
    assert retailer.rows(night, "promo_redemptions", "promo_code, receipt_id") == [
        *(("SUMMER10", "r1"), ("SUMMER10", "r2"), ("ЛЕТО10", "r3"))
    ]


def test_codes_that_become_one_are_counted_and_named_and_the_last_row_stands(retailer):
    night = deliver(retailer, promo_codes="promo_code,value\nsummer10,1\nWINTER,2\nSUMMER10,3\n")
    assert retailer.counts(night, "promo_codes") == (3, 2, 0, 1, 0)
    assert dict(retailer.rows(night, "promo_codes", "promo_code, CAST(value AS INT)")) == {"SUMMER10": 3, "WINTER": 2}
    wanted = (
        "promo_codes: 1 rows have the promo_code of another row (capitals and blanks make no difference): "
        "SUMMER10; the last row stands"
    )
    assert wanted in night_warnings(retailer.settings, night.lake.manifest(night.run_date))


def test_a_redemption_that_comes_again_in_another_spelling_replaces_the_first(retailer):
    deliver(retailer, promo_redemptions="promo_code,receipt_id,discount_amount\nSummer10,r1,1\n")
    night = deliver(retailer, NEXT, promo_redemptions="promo_code,receipt_id,discount_amount\nsummer10,r1,2\n")
    assert retailer.rows(night, "promo_redemptions", "promo_code, CAST(discount_amount AS INT)") == [("SUMMER10", 2)]


def test_codes_of_nights_before_they_were_one_are_respelled_once(retailer, own_contract):
    redemptions = "promo_code,receipt_id,discount_amount\n"
    own_contract("promo_redemptions", columns=[code_column(caseInsensitive=False)])
    deliver(retailer, promo_redemptions=f"{redemptions}Summer10,r1,1\nWinter,r2,1\n")
    deliver(retailer, NEXT, promo_redemptions=f"{redemptions}SUMMER10,r1,2\n")
    own_contract("promo_redemptions", columns=[code_column()])
    night = deliver(retailer, "2018-01-03")
    rows = [("SUMMER10", "r1", 2), ("WINTER", "r2", 1)]
    shown = "promo_code, receipt_id, CAST(discount_amount AS INT)"
    assert retailer.rows(night, "promo_redemptions", shown) == rows
    files = night.lake.manifest(night.run_date).tables["promo_redemptions"].data_files
    night = deliver(retailer, "2018-01-04", promo_redemptions=f"{redemptions}winter,r2,3\n")
    assert retailer.rows(night, "promo_redemptions", shown) == [("SUMMER10", "r1", 2), ("WINTER", "r2", 3)]
    assert set(files) <= set(night.lake.manifest(night.run_date).tables["promo_redemptions"].data_files)


def test_a_code_that_is_no_value_stays_none_and_costs_its_row(retailer):
    night = deliver(retailer, promo_codes="promo_code\nnull\n\u200b\nA\n")
    assert retailer.counts(night, "promo_codes") == (3, 1, 2, 0, 0)


def code_column(**custom):
    properties = [{"property": name, "value": value} for name, value in custom.items()]
    return {
        "name": "promo_code", "logicalType": "string", "physicalType": "VARCHAR", "primaryKey": True,
        "primaryKeyPosition": 1, "required": True, "tags": ["identifier"], "customProperties": properties,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("custom", "codes"), [({}, ["A"]), ({"caseInsensitive": True}, ["A"]), ({"caseInsensitive": False}, ["A", "a"])]
)
def test_a_retailers_own_contract_keeps_it_unless_it_says_otherwise(retailer, own_contract, custom, codes):
    own_contract("promo_codes", columns=[code_column(**custom)])
    night = deliver(retailer, promo_codes="promo_code\na\nA\n")
    assert [code for (code,) in retailer.rows(night, "promo_codes", "promo_code")] == codes


def test_a_property_that_makes_no_sense_is_refused(own_contract):
    for source, custom, why in (
        ("promo_codes", {"caseInsensitive": "yes"}, "caseInsensitive is true or false"),
        ("promo_codes", {"dateAlone": "noon"}, "dateAlone 'noon' is neither startOfDay nor endOfDay"),
    ):
        own_contract(source, columns=[code_column(**custom)])
        with pytest.raises(ContractError, match=why):
            sources()
    assert (CONTRACTS / "sources" / "promo_codes.yaml").exists()
