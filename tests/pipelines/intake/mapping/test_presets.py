"""The presets on files of their exact shape: revenue, orders, returns, customers and discounts, to the cent."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from conftest import Retailer, needed
from preset_files import (
    CHECKS_NIGHT,
    INVOICES_NIGHT,
    SHOPIFY,
    SHOPIFY_LATER,
    SHOPIFY_NIGHT,
    WOOCOMMERCE,
    WOOCOMMERCE_NIGHT,
    text_of,
)

from pipelines.errors import BadDataError
from pipelines.settings import ROOT, load_settings
from pipelines.store.lake import Night

FACTS = "business_date, is_return, revenue, gift_card_amount, discount_amount, customer_id, line_gap"
LINE = "receipt_id, line_number, product_id, quantity::VARCHAR, amount::VARCHAR"
CODE = "promo_code, receipt_id, discount_amount::VARCHAR"
EVERYTHING = needed("receipt_fact") | {"promo_redemptions", "crm_customers"}


@pytest.fixture(autouse=True)
def gift_cards(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("LOYALTY_GIFT_CARD_CATEGORIES", '["gift cards"]')
    load_settings.cache_clear()
    yield
    load_settings.cache_clear()


def loaded(home: Retailer, preset: str, night: str, only: frozenset[str] = EVERYTHING, **files: str | bytes) -> Night:
    home.home.mkdir(exist_ok=True)
    text = (ROOT / "config" / "presets" / f"{preset}.yaml").read_text(encoding="utf-8")
    (home.home / "mapping.yaml").write_text(text, encoding="utf-8")
    folder = home.home / "landing" / night
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name.replace("__", ".")).write_bytes(content if isinstance(content, bytes) else content.encode())
    return home.load(night, upto=("staging", "facts"), only=only)


def months(home: Retailer, night: Night) -> dict[str, tuple[Any, ...]]:
    """By month: sales, returns, revenue, returned, gift cards, discounts, customers, gaps of lines and totals."""
    found: dict[str, list[tuple[Any, ...]]] = {}
    for day, *row in home.rows(night, "receipt_fact", FACTS):
        found.setdefault(f"{day}"[:7], []).append(tuple(row))
    return {month: _summed(rows) for month, rows in sorted(found.items())}


def _summed(rows: list[tuple[Any, ...]]) -> tuple[Any, ...]:
    returns = [row for row in rows if row[0]]
    revenue, returned = (f"{sum((row[1] for row in some), Decimal(0))}" for some in (rows, returns))
    gift_cards = f"{sum(row[2] for row in rows)}"
    discounts = f"{sum((-row[3] if row[0] else row[3] for row in rows if row[3] is not None), Decimal(0))}"
    customers = len({row[4] for row in rows} - {None})
    gaps = f"{sum(abs(row[5]) for row in rows)}"
    return len(rows) - len(returns), len(returns), revenue, returned, gift_cards, discounts, customers, gaps


def test_shopify_orders_add_up_to_what_was_paid_and_paid_back(retailer: Retailer) -> None:
    night = loaded(retailer, "shopify", "2024-02-10", orders_export_1__csv=text_of(SHOPIFY, SHOPIFY_NIGHT))
    assert months(retailer, night) == {
        "2024-01": (1, 0, "32.40", "0", "0.00", "0.00", 1, "0.00"),
        "2024-02": (4, 1, "105.00", "-20.00", "25.00", "12.97", 3, "0.00"),
    }
    assert retailer.rows(night, "receipt_lines", LINE)[:6] == [
        ("#1001", 1, "TEE-S", "2.000", "20.00"),
        ("#1001", 1000001, "shipping", "1.000", "4.90"),
        ("#1001", 2, "Mug", "1.000", "5.00"),
        ("#1002", 1, "LAMP", "1.000", "30.00"),
        ("#1002", 1000002, None, "0.000", "-10.00"),
        ("#1002", 2, "SHADE", "1.000", "20.00"),
    ]
    voids = retailer.rows(night, "receipts", "receipt_id, operation")
    assert [name for name, operation in voids if operation == "void"] == ["#1004", "#1004-refund", "#1009"]
    assert retailer.rows(night, "promo_redemptions", CODE) == [
        ("CANDLES", "#1008", "2.97"),
        ("SAVE10", "#1002", None),
        ("WELCOME", "#1002", None),
    ]
    assert retailer.rows(night, "crm_customers", "registered_at, email_consent, region") == [
        (None, False, "US"),
        (None, False, None),
        (None, False, None),
    ]
    # A later file has a larger refund, a payment of what was pending, and a cancellation of what was paid.
    night = loaded(retailer, "shopify", "2024-02-12", orders_export_2__csv=text_of(SHOPIFY, SHOPIFY_LATER))
    assert months(retailer, night) == {"2024-02": (5, 1, "84.00", "-50.00", "25.00", "12.97", 4, "0.00")}


def test_shopify_orders_in_another_currency_stop_the_night(retailer: Retailer) -> None:
    text = text_of(SHOPIFY, SHOPIFY_NIGHT).replace(",USD,", ",CAD,", 1)
    with pytest.raises(BadDataError, match=r"^orders as receipts: 1 rows have currency 'CAD', the home is kept in USD"):
        loaded(retailer, "shopify", "2024-02-10", frozenset({"receipts"}), orders_export__csv=text)


def test_a_line_that_is_missing_is_no_discount(retailer: Retailer) -> None:
    lines = text_of(SHOPIFY, SHOPIFY_NIGHT).splitlines(keepends=True)
    text = "".join(line for line in lines if line.startswith(("Name", "#1002")) and "SHADE" not in line)
    night = loaded(retailer, "shopify", "2024-02-10", frozenset({"receipt_lines"}), orders_export__csv=text)
    # 20.00 of 50.00 is missing: Subtotal is above the lines, which shows as a gap between lines and total.
    assert retailer.rows(night, "receipt_lines", LINE) == [("#1002", 1, "LAMP", "1.000", "30.00")]


def test_credit_invoices_are_returns_and_the_wholesalers_own_bookings_are_left_out(retailer: Retailer) -> None:
    night = loaded(retailer, "invoice-lines", "2010-01-31", online_retail__csv=INVOICES_NIGHT)
    assert months(retailer, night) == {
        "2009-12": (3, 0, "324.13", "0", "17.02", "1.30", 2, "0.00"),
        "2010-01": (2, 2, "-26.26", "-44.83", "0.00", "0.00", 3, "0.00"),
    }
    assert retailer.rows(night, "receipts", "receipt_id, customer_id, total_amount::VARCHAR") == [
        ("489434", "13085", "182.40"),
        ("489435", "13086", "14.00"),
        ("489436", None, "144.75"),
        ("489464", "13087", "15.00"),
        ("C489449", "13085", "-35.40"),
        ("C489459", "13086", "-9.43"),
        ("C489460", "13087", "3.57"),
    ]
    assert ("13086", "business", "France") in retailer.rows(
        night, "crm_customers", "customer_id, customer_type, region"
    )
    (quality,) = night.lake.manifest(night.run_date).tables["receipts"].info["feed_quality"]
    assert quality["filtered"] == {"bad_debt": 1, "own_booking": 1, "test": 1, "write_off": 1}


def test_a_1c_till_in_windows_1251_with_decimal_commas(retailer: Retailer) -> None:
    night = loaded(retailer, "till-1c", "2024-01-10", чеки__csv=CHECKS_NIGHT.encode("windows-1251"))
    columns = "receipt_id, customer_id, operation, total_amount::VARCHAR, discount_amount::VARCHAR, tax_amount::VARCHAR"
    assert retailer.rows(night, "receipts", columns) == [
        ("ТД00-000123/ККМ 1/31.12.2023 23:30:15", "2200001", "sale", "840.00", "40.00", "76.36"),
        ("ТД00-000123/ККМ 2/01.01.2024 10:05:00", None, "sale", "2024.96", "100.00", "337.49"),
        ("ТД00-000124/ККМ 1/02.01.2024 12:00:00", "2200001", "return", "152.00", "8.00", "13.82"),
        ("ТД00-000125/ККМ 1/02.01.2024 13:00:00", "2200002", "sale", "1000.00", None, None),
        ("ТД00-000127/ККМ 1/02.01.2024 15:00:00", None, "void", "40.00", None, "3.64"),
    ]
    assert months(retailer, night) == {
        "2023-12": (1, 0, "840.00", "0", "0.00", "40.00", 1, "0.00"),
        "2024-01": (2, 1, "1872.96", "-152.00", "1000.00", "92.00", 2, "0.00"),
    }
    assert retailer.rows(night, "crm_customers", "customer_id") == [("2200001",), ("2200002",)]
    (quality,) = night.lake.manifest(night.run_date).tables["receipts"].info["feed_quality"]
    assert quality["filtered"] == {"pending": 1, "test": 1, "total": 1}


def test_woocommerce_orders_with_tax_rounding_and_coupons(retailer: Retailer) -> None:
    night = loaded(retailer, "woocommerce", "2024-02-10", orders__csv=text_of(WOOCOMMERCE, WOOCOMMERCE_NIGHT))
    assert months(retailer, night) == {"2024-02": (3, 1, "48.94", "-119.00", "50.00", "3.19", 2, "0.00")}
    assert retailer.rows(night, "receipt_lines", LINE)[:6] == [
        ("1001", 1, "TEE", "3.000", "22.68"),
        ("1001", 1000001, "shipping", "1.000", "4.00"),
        ("1001", 1000002, None, "0.000", "0.01"),
        ("1001", 2, "Mug", "1.000", "6.04"),
        ("1002", 1, "SOFA", "1.000", "100.00"),
        ("1002-refund", 1, None, "0.000", "119.00"),
    ]
    assert retailer.rows(night, "promo_redemptions", CODE) == [
        ("EXTRA", "1001", "0.00"),
        ("SPRING", "1001", "2.52"),
        ("WELCOME", "1001", "0.67"),
    ]
    assert retailer.rejected(night, "receipts") == [("orders.csv", 10, "operation_not_mapped")]  # a status of their own
