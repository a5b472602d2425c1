"""Concentration over nights: what a night of regulars is found to be, and how long that is kept."""

from datetime import timedelta

from regulars import NIGHT, load


def test_concentration_is_worked_out_again_after_a_week_only(regulars):
    shop, night = regulars
    names = ("concentration_fit", "concentration", "product_abc")
    before = [shop.rows(night, name) for name in names]
    assert all(before), "customers bought in complete months"
    for days, is_kept in ((6, True), (7, False)):
        shop.deliver(f"{NIGHT + timedelta(days)}")
        later = load(shop, NIGHT + timedelta(days))
        assert ([shop.rows(later, name) for name in names] == before) == is_kept


def test_each_unit_has_a_row_a_month_and_products_of_a_year_ago_are_out(regulars):
    shop, night = regulars
    months = shop.rows(night, "concentration", "unit, month_date, unit_count")
    assert len({row[:2] for row in months}) == len(months)
    assert {row[0] for row in months} == {"customer", "product"}
    assert shop.rows(night, "product_abc", "product_id, revenue_share, abc_class") == [("b", 1.0, "A")]
