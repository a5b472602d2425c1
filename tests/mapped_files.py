"""Files as a shop system and a till write them, their mappings, and how they are delivered."""

from conftest import Retailer

SHOP = """
feeds:
  orders:
    files: ["orders_export*.csv"]
    dialect: {time_zone: Europe/Moscow}
    fill_down: {by: "Name", columns: ["Email", "Financial Status", "Paid at", "Total", "Cancelled at"]}
    filters:
      cancelled: '"Cancelled at" IS NOT NULL'
      odd: '"Lineitem sku" IS NULL AND number("Total") < 0'
      unpaid: "\\"Financial Status\\" IN ('pending', 'voided')"
sources:
  receipts:
  - feed: orders
    group_by: ["Name"]
    columns:
      receipt_id: {column: "Name"}
      issued_at: {expression: 'time("Paid at")'}
      operation: {column: "Financial Status", values: {refunded: return}, default: sale}
      sales_channel: {constant: online}
      total_amount: {column: "Total", aggregate: first}
      customer_id: {id_of_email: "Email"}
  receipt_lines:
  - feed: orders
    columns:
      receipt_id: {column: "Name"}
      line_number: {number_within: "Name"}
      product_id: {column: "Lineitem sku"}
      quantity: {column: "Lineitem quantity"}
      amount: {expression: 'number("Lineitem price") * number("Lineitem quantity")'}
  crm_customers:
  - feed: orders
    group_by: ["Email"]
    columns:
      customer_id: {id_of_email: "Email"}
      email: {column: "Email", aggregate: first}
      registered_at: {expression: 'time("Paid at")', aggregate: min}
every_night: [receipts]
"""
HEADER = "Name,Email,Financial Status,Paid at,Total,Lineitem quantity,Lineitem price,Lineitem sku,Cancelled at\n"
ORDERS = (
    HEADER
    + """#1001,Ann@Example.com,paid,2023-05-30 23:21:57 -0700,25.00,1,10.00,A-1,
#1001,,,,,3,5.00,B-2,
#1002,ann@example.com ,refunded,2023-05-31 10:00:00 -0700,5.00,1,5.00,B-2,
#1003,bob@example.com,paid,2023-06-01 10:00:00 -0700,7.00,1,7.00,A-1,2023-06-02 09:00:00 -0700
#1004,,pending,2023-06-01 11:00:00 -0700,7.00,1,7.00,A-1,
#1005,cy@example.com,paid,2023-06-01 12:00:00 -0700,8.00,1,8.00,A-1,
#1005,,,,9.00,1,1.00,B-2,
#1006,,paid,2023-06-01 13:00:00 -0700,4.00,two,4.00,A-1,
"""
)
TILL = """
feeds:
  till:
    files: ["касса/*.csv"]
    dialect: {encoding: windows-1251, delimiter: ";", decimal_mark: ",", grouping_mark: " ", date_order: day_first,
              time_zone: Europe/Moscow, null_values: ["-"]}
    filters: {total: "lower(\\"Чек\\") = 'итого'"}
sources:
  receipts:
  - feed: till
    group_by: ["Чек"]
    columns:
      receipt_id: {column: "Чек"}
      issued_at: {expression: 'time("Дата")'}
      total_amount: {column: "Сумма", aggregate: sum}
      customer_id: {column: "Карта"}
"""
CHECKS = """Чек;Дата;Товар;Сумма;Карта
0001;05.06.2023 10:15;Хлеб;1\u00a0724,96;K7
0001;05.06.2023 10:15;Молоко;0,04;K7
0002;31/12/2023 23:59;Сыр;12,5;-
0003;06.06.2023 11:00;Сыр;12.5.1;-
0004;07.06.2023 11:00;Сыр;1,00;-
0004;08.06.2023 11:00;Сыр;1,00;-
ИТОГО;;;1738,00;
"""


def deliver(home: Retailer, mapping: str, night: str, **files: str | bytes) -> None:
    (home.home / "mapping.yaml").write_text(mapping, encoding="utf-8")
    folder = home.home / "landing" / night
    for name, content in files.items():
        path = folder / name.replace("__", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())


STAGED = frozenset({"receipts", "receipt_lines", "crm_customers"})
