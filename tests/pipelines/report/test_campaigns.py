"""Promo codes, campaign effects and tonight's lists."""
# ruff: noqa: RUF001 (the report writes a real minus and a real dash)

from datetime import timedelta
from pathlib import Path

from report_nights import full_night
from report_warehouse import NIGHT, Page, written


def test_promo_codes_and_lists_have_the_figures_of_their_tables(full_page: str) -> None:
    rows = Page(full_page).rows
    assert ("WELCOME10", "420", "401", "310", "EUR 18,250", "EUR 1,990", "EUR 500", "–", "–", "not measured") in rows
    assert ("VIP", "88", "71", "0", "EUR 9,120", "EUR 410", "EUR 0", "EUR −35", "–", "randomised") in rows
    emailed = sum(row[1] == "email" for row in full_night()["campaign_list"])
    assert ("winback-2025-03", "email", f"{emailed}") in [row[:3] for row in rows]


def test_campaign_effects_carry_interval_method_and_verdict(full_page: str) -> None:
    rows = Page(full_page).rows
    means = ("EUR 10.20 / EUR 8.10", "+EUR 2.10", "EUR 0.40 to EUR 3.80")
    assert ("winback-2025-01", "1,800 / 200", *means, "positive: keep", "28 days, closed", "randomised") in rows
    assert ("winback-2025-01", "EUR 600", "EUR 3,780", "+530% (20% to 1,040%)") in rows
    others = ("10.20% / 8.10%", "+2.10%", "0.40% to 3.80%", "positive: keep", "28 days, closed", "randomised")
    assert ("winback-2025-01", "share who bought", "1,800 / 200", *others) in rows
    words = Page(full_page).sections["campaigns"]
    assert (
        "Of 3 finished campaigns with a control group, 1 raised margin per customer beyond chance, 1 lowered it"
        in words
    )


def test_before_after_is_called_no_proof(full_page: str) -> None:
    words = Page(full_page).sections["promo"]
    assert "Only 2 of 4 codes were measured against customers who did not get it." in words
    assert "this shows a change, not its cause: no ROI" in words


def test_a_list_that_waits_is_named_with_its_command_and_a_fault_with_the_file(tmp_path: Path) -> None:
    page = written(
        tmp_path,
        {
            "campaign_delivery": [
                ("vip", "email", NIGHT, 2, 100, 0, "campaign vip: other people"),
                ("old", "email", NIGHT - timedelta(1), 1, 100, 0, "campaign old: other people"),
            ],
            "campaign_hold": [("vip", "campaign vip: other people"), ("old", "line 4: wrong"), (None, "no file")],
        },
    )
    rows = Page(page).rows
    assert ("vip", "campaign vip: other people", "loyalty release --campaign vip sends it") in rows
    assert ("old", "line 4: wrong", "mend the campaign file") in rows
    assert [row[1:] for row in rows if "no file" in row] == [("no file", "mend the campaign file")]
