"""Extracts of one source, loaded for one night; for tests of intake."""

NIGHT, NEXT = "2018-01-01", "2018-01-02"
RECEIPTS = "receipt_id,customer_id,issued_at,total_amount\n"


def load(retailer, source, content, night=NIGHT, **files):
    """Load one source of a night."""
    retailer.deliver(night, **{source: content} if content is not None else {}, **files)
    return retailer.load(night, only=frozenset({source}))


def products(retailer, night):
    return retailer.rows(night, "products", "product_id, name")


def rules(retailer, night, source="products"):
    return [row[1:] for row in retailer.rejected(night, source)]
