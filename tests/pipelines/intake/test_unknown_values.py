"""Values that a column's list lacks: counted where NULL means nothing, else rejected."""

from extracts import load, rules


def test_an_unknown_value_of_an_optional_column_is_counted_and_costs_no_row(retailer):
    header = "receipt_id,issued_at,total_amount,sales_channel\n"
    rows = "r1,2017-12-01,5,web\nr2,2017-12-01,5,Online\nr3,2017-12-01,5,WEB\nr4,2017-12-01,5,\n"
    night = load(retailer, "receipts", header + rows)
    channels = [("r1", None), ("r2", "online"), ("r3", None), ("r4", None)]
    assert retailer.rows(night, "receipts", "receipt_id, sales_channel") == channels
    assert retailer.counts(night, "receipts") == (4, 4, 0, 0, 0)
    assert night.table("receipts").info["unknown_values"] == {"sales_channel": 2}
    again = load(retailer, "receipts", header + rows)
    assert again.table("receipts").info["unknown_values"] == {"sales_channel": 2}


def test_an_unknown_value_is_rejected_where_it_is_required_or_where_none_means_one(retailer):
    night = load(retailer, "receipts", "receipt_id,issued_at,total_amount,operation\nr1,2017-12-01,5,refund\n")
    assert rules(retailer, night, "receipts") == [(1, "operation_unknown_value")]
    night = load(retailer, "surveys", "response_id,customer_id,answered_at,kind,score\ns1,c1,2017-12-01,ces,5\n")
    assert rules(retailer, night, "surveys") == [(1, "kind_unknown_value")]
    night = load(retailer, "crm_customers", "customer_id,registered_at,gender\nc1,2017-01-01,unknown\n")
    assert retailer.rows(night, "crm_customers", "customer_id, gender") == [("c1", None)]
