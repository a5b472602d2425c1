"""Which name is meant by one that nobody knows."""

import pytest

from pipelines.intake.nearest import nearest_column, nearest_header


@pytest.mark.parametrize(
    ("column", "headers", "found"),
    [
        ("total_amount", ["note", "Total Amt", "date"], "Total Amt"),
        ("receipt_id", ["Order ID", "receipt"], "Order ID"),  # as other systems call it, before what is spelt alike
        ("total_amount", ["4711", "Jane Doe", "jane@example.com", "2017-12-01"], None),
        ("email", ["emails@example.com", "email2"], None),  # the values of a file without a header are nobody's to see
        ("store_id", [], None),
    ],
)
def test_a_header_is_shown_that_a_missing_column_may_stand_under(column, headers, found):
    assert nearest_header(column, headers, "receipts") == found


def test_an_unknown_header_may_mean_a_column_that_is_missing_and_need_not():
    assert nearest_column("discount_amt", ["discount_amount", "tax_amount"], "receipts") == "discount_amount"
    assert nearest_column("discount_amt", ["tax_amount"], "receipts") is None
    assert nearest_column("mother", ["tier", "name"], "crm_customers") is None
