"""Sections without rows: each says why it is empty."""

from pathlib import Path

from report_warehouse import SECTIONS, Page, written


def test_an_empty_warehouse_gives_a_page_with_reasons(tmp_path: Path) -> None:
    page = Page(written(tmp_path, {}))
    assert set(page.sections) == SECTIONS
    reasons = {
        "headlines": "There is no figure to lead with",
        "trends": "The table kpi_daily is empty: no receipt is dated on or before this night.",
        "rfm": "The table customer_rfm is empty: no known customer has an order yet.",
        "clv": "The table customer_clv is empty: no known customer has an order to forecast from.",
        "churn": "The table customer_churn is empty: no known customer has an order in the last year.",
        "growth": "The table customer_growth is empty: no known customer has an order in the last year.",
        "drift": "The table model_quality is empty: no model was fitted, or there was no outcome to evaluate it on.",
        "segments": "The table customer_segment is empty: no customer is in a segment yet.",
        "promo": "The table promo_performance is empty: no promo code has been redeemed so far.",
        "campaigns": "The table campaign_effect is empty: no campaign has assigned customers whose window has begun.",
        "exports": "The table campaign_list is empty: no campaign is due tonight, or no customer who qualifies may be"
        " contacted.",
        "reconciliation": "The table reconciliation is empty: no receipt and no line has come yet, nor one that was"
        " rejected.",
        "quality": "The table data_quality is empty: no extract was read for this night.",
        "models": "The table model_quality is empty: no model was fitted, or there was no outcome to evaluate it on.",
        "missing": "None of the main tables has a row",
    }
    assert {section for section, reason in reasons.items() if reason not in page.sections[section]} == set()


def test_an_empty_section_says_what_tonights_extracts_brought(tmp_path: Path) -> None:
    page = Page(written(tmp_path, {"data_quality": [("promo_codes", 3, 3, 0, 0, 0)]}))
    assert "Tonight's extracts brought promo_codes: 3 rows, promo_redemptions: no extract." in page.sections["promo"]
