"""Files of the presets' exact shapes, with the columns that the systems export in their order."""

import csv
import io
from collections.abc import Iterable

SHOPIFY = (
    "Name,Email,Financial Status,Paid at,Fulfillment Status,Fulfilled at,Accepts Marketing,Currency,Subtotal,Shipping,"
    "Taxes,Total,Discount Code,Discount Amount,Shipping Method,Created at,Lineitem quantity,Lineitem name,"
    "Lineitem price,Lineitem compare at price,Lineitem sku,Lineitem requires shipping,Lineitem taxable,"
    "Lineitem fulfillment status,Billing Name,Billing Street,Billing Address1,Billing Address2,Billing Company,"
    "Billing City,Billing Zip,Billing Province,Billing Country,Billing Phone,Shipping Name,Shipping Street,"
    "Shipping Address1,Shipping Address2,Shipping Company,Shipping City,Shipping Zip,Shipping Province,"
    "Shipping Country,Shipping Phone,Notes,Note Attributes,Cancelled at,Payment Method,Payment Reference,"
    "Refunded Amount,Vendor,Outstanding Balance,Employee,Location,Device ID,Id,Tags,Risk Level,Source,"
    "Lineitem discount,Tax 1 Name,Tax 1 Value,Tax 2 Name,Tax 2 Value,Tax 3 Name,Tax 3 Value,Tax 4 Name,Tax 4 Value,"
    "Tax 5 Name,Tax 5 Value,Phone,Receipt Number,Duties,Billing Province Name,Shipping Province Name,Payment ID,"
    "Payment Terms Name,Next Payment Due At,Payment References"
).split(",")


def text_of(header: Iterable[str], rows: Iterable[dict[str, object]], delimiter: str = ",") -> str:
    """Rows as CSV; a column that a row does not name is empty, and one that the header has not is an error."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(header), delimiter=delimiter, lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def shopify_order(
    name: str, created: str, status: str, total: str, *lines: str, **columns: object
) -> list[dict[str, object]]:
    """The rows of an order. A line is `quantity name price sku discount`; `columns` are the order's others."""
    order: dict[str, object] = {
        "Name": name,
        "Financial Status": status,
        "Currency": "USD",
        "Subtotal": total,
        "Shipping": "0.00",
        "Taxes": "0.00",
        "Total": total,
        "Discount Amount": "0.00",
        "Created at": f"{created} -0500",
        "Accepts Marketing": "no",
        "Payment Method": "Shopify Payments",
        "Refunded Amount": "0.00",
        "Outstanding Balance": "0.00",
        "Source": "web",
        "Risk Level": "Low",
    } | {key.replace("_", " "): value for key, value in columns.items()}
    fields = ("Lineitem quantity", "Lineitem name", "Lineitem price", "Lineitem sku", "Lineitem discount")
    rows = [
        {"Name": name, "Email": order.get("Email", "")} | dict(zip(fields, line.split("|"), strict=True))
        for line in lines
    ]
    rows[0] |= order
    return rows


SHOPIFY_NIGHT = [
    *shopify_order("#1001", "2024-01-31 23:30:00", "paid", "32.40", "2|Crew Tee - Black / S|10.00|TEE-S|0.00",
                   "1|Mug|5.00||0.00", Email="Ann@Example.com", Subtotal="25.00", Shipping="4.90", Taxes="2.50",
                   Billing_Name="Ann Lee", Billing_Country="US", Billing_Phone="'+12125550101",
                   Accepts_Marketing="yes"),
    *shopify_order("#1002", "2024-02-01 10:00:00", "paid", "40.00", "1|Lamp|30.00|LAMP|0.00",
                   "1|Shade|20.00|SHADE|0.00", Email="ann@example.com", Taxes="6.67", Discount_Code="SAVE10, welcome",
                   Discount_Amount="10.00", Accepts_Marketing="no"),
    *shopify_order("#1003", "2024-02-02 10:00:00", "partially_refunded", "50.00", "1|Chair|50.00|CHAIR|0.00",
                   Email="bob@example.com", Refunded_Amount="20.00", Discount_Code="Custom discount"),
    *shopify_order("#1004", "2024-02-02 11:00:00", "refunded", "15.00", "1|Mug|15.00|MUG|0.00",
                   Email="bob@example.com", Refunded_Amount="15.00", Cancelled_at="2024-02-03 09:00:00 -0500"),
    *shopify_order("#1005", "2024-02-03 10:00:00", "pending", "9.00", "1|Mug|9.00|MUG|0.00", Email="dan@example.com"),
    *shopify_order("#1006", "2024-02-03 11:00:00", "paid", "1.00", "1|Mug|1.00|MUG|0.00", Email="test@example.com",
                   Payment_Method="(for testing) Bogus Gateway"),
    *shopify_order("#1007", "2024-02-04 10:00:00", "paid", "30.00", "1|Gift Card - $25.00|25.00||0.00",
                   "1|Mug|5.00|MUG|0.00"),
    *shopify_order("#1008", "2024-02-05 10:00:00", "paid", "30.00", "3|Candle|9.99|CANDLE|2.97", "1|Tip|3.00||0.00",
                   Email="cy@example.com", Discount_Amount="2.97", Discount_Code="CANDLES", Source="pos"),
    *shopify_order("#1009", "2024-02-06 10:00:00", "voided", "7.00", "1|Mug|7.00|MUG|0.00", Email="cy@example.com"),
]  # fmt: skip
SHOPIFY_LATER = [
    *shopify_order("#1003", "2024-02-02 10:00:00", "refunded", "50.00", "1|Chair|50.00|CHAIR|0.00",
                   Email="bob@example.com", Refunded_Amount="50.00"),
    *shopify_order("#1005", "2024-02-03 10:00:00", "paid", "9.00", "1|Mug|9.00|MUG|0.00", Email="dan@example.com"),
    *shopify_order("#1001", "2024-01-31 23:30:00", "paid", "32.40", "2|Crew Tee - Black / S|10.00|TEE-S|0.00",
                   "1|Mug|5.00||0.00", Email="Ann@Example.com", Subtotal="25.00", Shipping="4.90", Taxes="2.50",
                   Cancelled_at="2024-02-11 09:00:00 -0500"),
]  # fmt: skip

INVOICES_NIGHT = """Invoice,StockCode,Description,Quantity,InvoiceDate,Price,Customer ID,Country
489434,85048,15CM CHRISTMAS GLASS BALL 20 LIGHTS,12,2009-12-01 07:45:00,6.95,13085.0,United Kingdom
489434,79323P,PINK CHERRY LIGHTS,12,2009-12-01 07:46:00,6.75,13085.0,United Kingdom
489434,POST,POSTAGE,1,2009-12-01 07:46:00,18.00,13085.0,United Kingdom
489435,22350,CAT BOWL ,6,2009-12-01 09:06:00,2.55,13086.0,France
489435,D,Discount,-1,2009-12-01 09:06:00,1.30,13086.0,France
489436,DOT,DOTCOM POSTAGE,1,2009-12-02 09:00:00,110.35,,United Kingdom
489436,gift_0001_20,Dotcomgiftshop Gift Voucher £20.00,1,2009-12-02 09:00:00,17.02,,United Kingdom
489436,21485,RETROSPOT HEART HOT WATER BOTTLE,2,2009-12-02 09:00:00,8.69,,United Kingdom
C489449,22087,PAPER BUNTING WHITE LACE,-12,2010-01-04 10:33:00,2.95,13085.0,United Kingdom
C489459,D,Discount,-1,2010-01-05 10:44:00,9.43,13086.0,France
C489460,M,Manual,1,2010-01-05 11:00:00,3.57,13087.0,Germany
C489461,BANK CHARGES,Bank Charges,-1,2010-01-06 09:00:00,767.99,,United Kingdom
489462,85123A,damaged,-240,2010-01-06 09:10:00,0.00,,United Kingdom
A506401,B,Adjust bad debt,1,2010-01-07 13:36:00,-53594.36,,United Kingdom
489463,TEST001,This is a test product.,5,2010-01-07 14:00:00,4.50,12346.0,United Kingdom
489464,BANK CHARGES,Bank Charges,1,2010-01-08 09:00:00,15.00,13087.0,Germany
"""

CHECKS = (
    "Дата;Номер чека;Магазин;Касса ККМ;Кассир;Статус чека;Вид операции;Дисконтная карта;Код;Артикул;Номенклатура;"
    "Количество;Цена;Сумма скидки;Сумма;Сумма НДС"
)
CHECKS_NIGHT = f"""{CHECKS}
31.12.2023 23:30:15;ТД00-000123;Центр;ККМ 1;Иванова;Пробитый;Продажа;2200001;00-001;СЫР-1;Сыр "Российский";1,250;640,00;40,00;760,00;69,09
31.12.2023 23:30:15;ТД00-000123;Центр;ККМ 1;Иванова;Пробитый;Продажа;2200001;00-002;;Хлеб;2;40,00;;80,00;7,27
01.01.2024 10:05:00;ТД00-000123;Центр;ККМ 2;Петрова;Пробитый;Продажа;;00-003;ТВ-9;Телевизор;1;1\u00a0824,96;100,00;1\u00a0724,96;287,49
01.01.2024 10:05:00;ТД00-000123;Центр;ККМ 2;Петрова;Пробитый;Продажа;;00-009;;Доставка;1;300,00;;300,00;50,00
02.01.2024 12:00:00;ТД00-000124;Центр;ККМ 1;Иванова;Пробитый;Возврат;2200001;00-001;СЫР-1;Сыр "Российский";0,250;640,00;8,00;152,00;13,82
02.01.2024 13:00:00;ТД00-000125;Центр;ККМ 1;Иванова;Пробитый;Продажа;2200002;00-010;;Подарочный сертификат 1000;1;1\u00a0000,00;;1\u00a0000,00;
02.01.2024 14:00:00;ТД00-000126;Центр;ККМ 1;Иванова;Отложенный;Продажа;;00-002;;Хлеб;1;40,00;;40,00;3,64
02.01.2024 15:00:00;ТД00-000127;Центр;ККМ 1;Иванова;Аннулированный;Продажа;;00-002;;Хлеб;1;40,00;;40,00;3,64
02.01.2024 16:00:00;ТД00-000128;Центр;ККМ 1;Тест;Пробитый;Продажа;;00-002;;Хлеб;1;1,00;;1,00;0,09
Итого;;;;;;;;;;;;;148,00;4\u00a0097,96;
"""

WOOCOMMERCE = (
    "Order Number,Order Status,Order Date,Customer Note,First Name (Billing),Last Name (Billing),Company (Billing),"
    "Address 1&2 (Billing),City (Billing),State Code (Billing),Postcode (Billing),Country Code (Billing),"
    "Email (Billing),Phone (Billing),First Name (Shipping),Last Name (Shipping),Address 1&2 (Shipping),City (Shipping),"
    "State Code (Shipping),Postcode (Shipping),Country Code (Shipping),Payment Method Title,Cart Discount Amount,"
    "Order Subtotal Amount,Shipping Method Title,Order Shipping Amount,Order Refund Amount,Order Total Amount,"
    "Order Total Tax Amount,SKU,Item #,Item Name,Quantity,Item Cost,Coupon Code,Discount Amount,Discount Amount Tax"
).split(",")


def woocommerce_order(
    number: str, day: str, status: str, total: str, tax: str, *rows: str, **columns: object
) -> list[dict[str, object]]:
    """The rows of an order. A row is an item and a coupon: `sku|number|name|quantity|cost|code|discount`."""
    order: dict[str, object] = {
        "Order Number": number,
        "Order Status": status,
        "Order Date": day,
        "Order Total Amount": total,
        "Order Total Tax Amount": tax,
        "Payment Method Title": "Credit card",
        "Cart Discount Amount": "0",
        "Order Shipping Amount": "0",
        "Order Refund Amount": "0",
        "Country Code (Billing)": "DE",
    } | {key.replace("_", " "): value for key, value in columns.items()}
    fields = ("SKU", "Item #", "Item Name", "Quantity", "Item Cost", "Coupon Code", "Discount Amount")
    return [order | dict(zip(fields, row.split("|"), strict=True)) for row in rows]


WOOCOMMERCE_NIGHT = [
    # Prices with 19 % tax: 3 x 10.00 and 7.99 in the shop, two coupons, of which one has a row of its own.
    *woocommerce_order("1001", "2024-02-01 10:23", "Completed", "38.94", "6.21", "TEE|1|Tee|3|7.56|SPRING|2.52",
                       "|2|Mug|1|6.04|WELCOME|0.67", "|||||EXTRA|0.00",
                       **{"Email (Billing)": "Ann@example.com", "First Name (Billing)": "Ann",
                          "Order Subtotal Amount": "31.92", "Cart Discount Amount": "3.19",
                          "Order Shipping Amount": "4.00"}),
    *woocommerce_order("1002", "2024-02-03 09:00", "Refunded", "119.00", "19.00", "SOFA|1|Sofa|1|100.00||",
                       **{"Email (Billing)": "bob@example.com", "Order Subtotal Amount": "100",
                          "Order Refund Amount": "119.00"}),
    *woocommerce_order("1003", "2024-02-03 10:00", "Cancelled", "10.00", "0", "MUG|1|Mug|1|10||",
                       **{"Email (Billing)": "bob@example.com", "Order Subtotal Amount": "10"}),
    *woocommerce_order("1004", "2024-02-04 10:00", "On hold", "10.00", "0", "MUG|1|Mug|1|10||",
                       **{"Email (Billing)": "cy@example.com", "Order Subtotal Amount": "10"}),
    *woocommerce_order("1005", "2024-02-04 11:00", "Processing", "1.00", "0", "MUG|1|Mug|1|1||",
                       Payment_Method_Title="Stripe (test)", **{"Order Subtotal Amount": "1"}),
    *woocommerce_order("1006", "2024-02-05 11:00", "Processing", "60.00", "0", "|1|Gift Card 50|1|50||",
                       "MUG|2|Mug|1|10||", **{"Order Subtotal Amount": "60"}),
    *woocommerce_order("1007", "2024-02-06 11:00", "Shipped to partner", "5.00", "0", "MUG|1|Mug|1|5||",
                       **{"Email (Billing)": "cy@example.com", "Order Subtotal Amount": "5"}),
]  # fmt: skip

# Of a till that no preset knows: signs of a currency, the date and the time apart, refunds as negative lines.
ITEMS = """Date,Time,Time Zone,Category,Item,Qty,Price Point Name,SKU,Gross Sales,Discounts,Net Sales,Tax,Transaction ID,Payment ID,Device Name,Event Type,Location,Customer ID
2024-01-31,10:05:11,Eastern Time (US & Canada),Bakery,Bun,2,Regular,BUN,$10.00,$0.00,$10.00,$0.80,T1001,P1,Till 1,Payment,Main Street,C1
2024-01-31,10:05:11,Eastern Time (US & Canada),Drinks,Tea,1,Regular,TEA,$3.00,-$0.50,$2.50,$0.20,T1001,P1,Till 1,Payment,Main Street,C1
2024-02-01,11:00:00,Eastern Time (US & Canada),Drinks,Tea,-1,Regular,TEA,-$3.00,$0.50,-$2.50,-$0.20,T1002,P2,Till 1,Refund,Main Street,C1
2024-02-02,12:00:00,Eastern Time (US & Canada),Bakery,Wedding cake,1,Regular,CAKE,"$1,005.00",$0.00,"$1,005.00",$80.40,T1003,P3,Till 2,Payment,Main Street,
2024-02-03,09:30:00,Eastern Time (US & Canada),Bakery,Bun,1,Regular,BUN,$5.00,$0.00,$5.00,$0.40,T1004,P4,Till 2,Payment,Main Street,C2
"""
