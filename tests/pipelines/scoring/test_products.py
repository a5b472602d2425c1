"""Products over nights: what regulars buy again and first, why they have no relations, and how long that is kept."""

from datetime import timedelta

from regulars import NIGHT, load

NAMES = ("product_fit", "product_repeat", "first_product", "product_relation")


def test_products_are_worked_out_again_after_a_week_only(regulars):
    shop, night = regulars
    before = [shop.rows(night, name) for name in NAMES]
    for days, is_kept in ((6, True), (7, False)):
        shop.deliver(f"{NIGHT + timedelta(days)}")
        later = load(shop, NIGHT + timedelta(days))
        assert ([shop.rows(later, name) for name in NAMES] == before) == is_kept


def test_all_forty_buy_bread_again_and_an_exact_interval_says_how_sure_that_is(regulars):
    shop, night = regulars
    columns = "product_id, customers, repeat_customers, repeat_rate, repeat_rate_low, repeat_rate_high, reason"
    low = round(0.025 ** (1 / 40), 6)
    assert shop.rows(night, "product_repeat", columns) == [("b", 40, 40, 1.0, low, 1.0, None)]


def test_of_so_few_customers_no_products_are_related_and_the_fit_says_so(regulars):
    shop, night = regulars
    assert shop.rows(night, "product_relation") == []
    quality = {row[0]: row[1:] for row in shop.rows(night, "product_fit", "metric, value, note")}
    assert quality["sampled_customers"][0] == 40
    assert quality["relation_gain"][0] is None
    assert "200 customers" in quality["relation_gain"][1]


def test_who_may_be_older_than_the_data_has_no_first_product(regulars):
    shop, night = regulars
    assert shop.rows(night, "first_product") == []
