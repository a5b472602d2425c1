"""A made-up shop of a few hundred customers over a year and a half, as extracts: every source, the same every time."""

import csv
from datetime import date, datetime, timedelta
from pathlib import Path
from random import Random

FIRST, HISTORY_END = date(2024, 1, 1), date(2025, 6, 30)
CATEGORIES = ("bread", "coffee", "tea", "flowers")


def _write(folder: Path, source: str, rows: list[dict[str, object]], header: list[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{source}.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, header)
        writer.writeheader()
        writer.writerows(rows)


def _customers(random: Random, count: int) -> list[dict[str, object]]:
    customers = []
    for n in range(count):
        joined = FIRST + timedelta(days=random.randrange(500))
        customers.append(
            {
                "customer_id": f"c{n:04d}",
                "registered_at": f"{joined}T09:00:00",
                "acquisition_channel": random.choice(["web", "store"]),
                "birth_date": date(1950 + n % 50, 1 + n % 12, 1 + n % 28),
                "gender": random.choice(["f", "m", ""]),
                "region": random.choice(["north", "south"]),
                "name": f"Ada {n} Example",
                "email": f"  Person{n}@Example.COM" if n % 9 else "",
                "phone": f"8 (900) 123-{n // 100:02d}-{n % 100:02d}",
                "email_consent": random.choice(["true", "true", "false", ""]),
                "sms_consent": random.choice(["true", "false"]),
                "ads_consent": random.choice(["true", "false"]),
                "push_consent": "true",
                "push_token": f"token-{n}",
                "deleted_at": "2025-06-01T00:00:00" if n == 5 else "",
                "_rate": random.gammavariate(1.2, 1 / 25),
                "_until": joined + timedelta(days=random.expovariate(1 / 300)),
                "_joined": joined,
            }
        )
    return customers


def write_shop(landing: Path, nights: int = 3, customers: int = 700, seed: int = 1) -> list[date]:
    """Landing folders: the history up to 2025-06-30, then one a day. Returns the nights."""
    random = Random(seed)
    people = _customers(random, customers)
    folders = [HISTORY_END + timedelta(days=n) for n in range(nights)]
    events: dict[str, list[tuple[date, dict[str, object]]]] = {
        name: []
        for name in ("crm_customers", "receipts", "receipt_lines", "promo_redemptions", "points_ledger", "contacts")
    }
    number = 0
    for person in people:
        events["crm_customers"].append((person["_joined"], {k: v for k, v in person.items() if k[0] != "_"}))
        day = datetime.combine(person["_joined"], datetime.min.time()) + timedelta(hours=10)
        while day.date() <= min(folders[-1], person["_until"]):
            number += 1
            _sale(random, events, f"r{number:06d}", person["customer_id"] if random.random() < 0.9 else "", day)
            day += timedelta(days=max(random.expovariate(person["_rate"]), 0.01))
    for name, rows in events.items():
        header = list(dict.fromkeys(key for _, row in rows for key in row))
        for folder in folders:
            first = FIRST if folder == HISTORY_END else folder
            _write(landing / f"{folder}", name, [row for day, row in rows if first <= day <= folder], header)
    members = [
        {"campaign_id": "spring", "customer_id": p["customer_id"], "arm": "control" if n % 4 == 0 else "treated"}
        for n, p in enumerate(people)
    ]
    for folder in folders:
        codes = [{"promo_code": f"CODE{n}", "promotion_id": f"p{n % 2}", "cost_amount": 10} for n in range(4)]
        _write(landing / f"{folder}", "promo_codes", codes, ["promo_code", "promotion_id", "cost_amount"])
    products = [{"product_id": f"a{n}", "category": CATEGORIES[n % 4]} for n in range(12)]
    _write(landing / f"{HISTORY_END}", "products", products, ["product_id", "category"])
    _write(landing / f"{HISTORY_END}", "campaign_members", members, ["campaign_id", "customer_id", "arm"])
    campaign = {"campaign_id": "spring", "starts_on": "2025-03-01", "ends_on": "2025-03-31", "cost_amount": 100}
    _write(landing / f"{HISTORY_END}", "campaigns", [campaign], list(campaign))
    return folders


def _sale(
    random: Random,
    events: dict[str, list[tuple[date, dict[str, object]]]],
    receipt: str,
    customer: object,
    at: datetime,
) -> None:
    lines = [
        {
            "receipt_id": receipt,
            "line_number": n + 1,
            "product_id": f"a{random.randrange(12)}",
            "quantity": 1,
            "amount": f"{random.uniform(2, 40):.2f}",
        }
        for n in range(random.randint(1, 3))
    ]
    for line in lines:
        line["cost_amount"] = f"{float(line['amount']) * 0.6:.2f}"
    total = f"{sum(float(line['amount']) for line in lines):.2f}"
    row = {
        "receipt_id": receipt,
        "customer_id": customer,
        "issued_at": f"{at:%Y-%m-%dT%H:%M:%S}",
        "sales_channel": random.choice(["online", "offline"]),
        "operation": "sale",
        "total_amount": total,
        "points_earned": 1,
    }
    events["receipts"].append((at.date(), row))
    events["receipt_lines"].extend((at.date(), line) for line in lines)
    if random.random() < 0.1:
        events["receipts"].append(
            (at.date(), row | {"receipt_id": f"{receipt}b", "operation": "return", "total_amount": lines[0]["amount"]})
        )
        events["receipt_lines"].append((at.date(), lines[0] | {"receipt_id": f"{receipt}b", "line_number": 1}))
    if random.random() < 0.15:
        code = {"promo_code": f"CODE{random.randrange(4)}", "receipt_id": receipt, "discount_amount": "1.50"}
        events["promo_redemptions"].append((at.date(), code))
    if customer:
        earned = {
            "entry_id": f"e{receipt}",
            "customer_id": customer,
            "kind": "earn",
            "points": 5,
            "posted_at": row["issued_at"],
        }
        events["points_ledger"].append((at.date(), earned))
        if random.random() < 0.05:
            sent = {
                "contact_id": f"k{receipt}",
                "customer_id": customer,
                "channel": "email",
                "sent_at": row["issued_at"],
            }
            events["contacts"].append((at.date(), sent))
