"""A shop of 40 regular customers, as extracts: for tests of what a night makes of habits and channels."""

from datetime import date, timedelta

from conftest import Retailer, needed

from pipelines.store.lake import Night

GROWTH = needed(
    "customer_growth", "customer_next_order", "customer_channel", "channel_log", "concentration", "product_repeat"
)
NIGHT = date(2024, 6, 30)
RECEIPT = "receipt_id,customer_id,issued_at,total_amount\n"
LINE = "receipt_id,line_number,product_id,quantity,amount\n"
PRODUCTS = "product_id,category\ntv,television\nb,bread\n"


class Till:
    """Receipts of one line each, as extracts."""

    def __init__(self) -> None:
        self.receipts, self.lines = [RECEIPT], [LINE]

    def sell(self, customer: str, day: date, product: str, amount: int) -> None:
        number = len(self.receipts)
        self.receipts.append(f"r{number},{customer},{day}T12:00:00,{amount}\n")
        self.lines.append(f"r{number},1,{product},1,{amount}\n")

    def extracts(self) -> dict[str, str]:
        return {"receipts": "".join(self.receipts), "receipt_lines": "".join(self.lines)}


def load(shop: Retailer, day: date) -> Night:
    return shop.load(f"{day}", upto=("staging", "facts", "scores", "marts"), only=GROWTH)


def opened(retailer: Retailer) -> Retailer:
    """40 customers of one year and more: all have bought one television, and bread monthly, c0 the least of it."""
    till = Till()
    for n in range(40):
        till.sell(f"c{n}", NIGHT - timedelta(400), "tv", 900)
        for month in range(12):
            till.sell(f"c{n}", NIGHT - timedelta(30 * month + n % 7), "b", 10 + n)
    crm = "customer_id,registered_at,region,email_consent,sms_consent\n"
    crm += "".join(
        f"c{n},2020-01-01,{'north' if n < 35 else 'south'},true,{str(n % 2 == 0).lower()}\n" for n in range(40)
    )
    retailer.deliver(f"{NIGHT}", crm_customers=crm, products=PRODUCTS, **till.extracts())
    return retailer
