"""Promo codes, campaign effects and tonight's lists."""
# ruff: noqa: RUF001 (the report writes a real minus and a real dash)

from report_nights import full_night
from report_warehouse import Page


def test_promo_codes_and_lists_have_the_figures_of_their_tables(full_page: str) -> None:
    rows = Page(full_page).rows
    assert ("WELCOME10", "420", "401", "310", "EUR 18,250", "EUR 1,990", "EUR 500", "–", "–", "not measured") in rows
    assert ("VIP", "88", "71", "0", "EUR 9,120", "EUR 410", "EUR 0", "EUR −35", "–", "randomised") in rows
    emailed = sum(row[1] == "email" for row in full_night()["campaign_list"])
    assert ("winback-2025-03", "email", f"{emailed}") in [row[:3] for row in rows]


def test_what_is_waste_comes_before_what_is_not_shown_to_pay_and_what_pays_is_neither(full_page: str) -> None:
    rows = Page(full_page).rows
    waste = ("catalogue", "campaign", "waste", "", "EUR 900", "–", "EUR 350")
    unknown = ("spring sale", "promotion", "not shown to pay", "no control group", "–", "EUR 3,022", "–")
    assert rows.index(waste) < rows.index(unknown)
    assert not [row for row in rows if row[:2] == ("winback-2025-01", "campaign")]


def test_slips_in_price_stand_by_month_with_their_money(full_page: str) -> None:
    rows = Page(full_page).rows
    newer, older = (
        ("2025-03", "two_prices", "2", "1", "–", "EUR 4"),
        ("2025-02", "below_cost", "7", "3", "EUR 41", "EUR 0"),
    )
    assert rows.index(newer) < rows.index(older)


def test_the_funnel_leads_from_the_segments_to_the_list(full_page: str) -> None:
    night = full_night()
    rows = Page(full_page).rows
    listed = sum(row[:2] == ("winback-2025-03", "sms") for row in night["campaign_list"])
    control = sum(row[0] == "winback-2025-03" and row[2] == "sms" for row in night["campaign_exclusion"])
    steps = ("0", "0", "0", "0", "0", f"{control}", "0")
    assert ("winback-2025-03", "sms", f"{listed + control}", *steps, f"{listed}") in rows
    taken = sum(row[3] == "priority" for row in night["campaign_exclusion"])
    assert ("unused points", "sms", "priority", f"{taken}", "winback-2025-03") in rows


def test_campaign_effects_carry_interval_method_and_verdict(full_page: str) -> None:
    rows = Page(full_page).rows
    means = ("EUR 10.20 / EUR 8.10", "+EUR 2.10", "EUR 0.40 to EUR 3.80")
    figure = ("winback-2025-01", "margin per customer", "1,800 / 200")
    assert (*figure, *means, "pays", "28 days, closed", "randomised") in rows
    assert ("winback-2025-01", "EUR 600", "EUR 0.33", "EUR 3,780", "+530% (20% to 1,040%)") in rows
    others = ("10.20% / 8.10%", "+2.10%", "0.40% to 3.80%", "–", "28 days, closed", "randomised")
    assert ("winback-2025-01", "share who bought", "1,800 / 200", *others) in rows
    reminder = next(row for row in rows if row[:2] == ("points-reminder", "margin per customer"))
    assert reminder[2] == "700 / 80, 61 pending"
    words = Page(full_page).sections["campaigns"]
    assert "3 finished campaigns with a control group: 1 pays; 1 sells less; 1 with nothing shown either way." in words
    assert "winback-2025-01: margin per customer +EUR 2.10 against control" in words


def test_before_after_is_called_no_proof(full_page: str) -> None:
    words = Page(full_page).sections["promo"]
    assert "Only 2 of 4 codes were measured against customers who did not get it." in words
    assert "this shows a change, not its cause: no ROI" in words
