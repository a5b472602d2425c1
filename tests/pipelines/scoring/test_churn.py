"""What churn is learnt from: what was known at a cut-off, seasons, and the customers who are drawn."""

from datetime import date, timedelta

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from churn_shop import CUT_OFFS, NIGHT, Shop, customer_days, metrics

from models.churn.artefact import from_artefact
from models.churn.season import Season
from pipelines.scoring import churn as score
from pipelines.scoring.fitting import cut_offs
from pipelines.scoring.sampling import md5_share
from pipelines.tables.inputs import contract_of

# What is known at a cut-off


def test_what_comes_after_a_cut_off_changes_no_feature_and_no_p_alive(shop, days):
    cut_off = CUT_OFFS[2]
    shop.give("customer_day", days.filter(pc.less_equal(days["business_date"], cut_off)))
    before = shop.features([cut_off])
    later = [(f"c{n:04d}", cut_off + timedelta(1), 3, 900.0) for n in range(0, 1500, 2)]
    later += [(f"c{n:04d}", cut_off + timedelta(2), 0, -900.0) for n in range(0, 1500, 3)]  # and brought back
    later += [(f"new{n}", cut_off + timedelta(5), 1, 50.0) for n in range(300)]
    shop.give("customer_day", pa.concat_tables([days, customer_days(later)]))
    after = shop.features([cut_off])
    assert len(after) > 500
    known = [name for name in before.column_names if name not in ("has_churned", "spend_next", "spend_last_complete")]
    assert after.select(known).equals(before.select(known))
    assert "p_alive" in known
    assert after["has_churned"] != before["has_churned"]


def landed(days: pa.Table, *nights: date) -> pa.Table:
    """The days, each known since the first of some nights that is not before it."""
    known = [min(night for night in nights if night >= day) for day in days["business_date"].to_pylist()]
    place = days.column_names.index("known_date")
    return days.set_column(place, "known_date", pa.array(known, pa.date32()))


def test_what_landed_after_a_cut_off_changes_no_feature_and_no_p_alive(shop, days):
    first, cut_off = CUT_OFFS[0], CUT_OFFS[2]
    nights = [first + timedelta(n) for n in range((NIGHT - first).days + 1)]
    known = landed(days, *nights)
    shop.give("customer_day", known)
    before = shop.features([cut_off])
    assert before.equals(featured(shop, days, cut_off)), "day by day all that is dated up to a night is known in it"
    own = {tuple(row.values()) for row in days.select(["customer_id", "business_date"]).to_pylist()}
    orders = [(f"c{n:04d}", cut_off - timedelta(n % 40)) for n in range(0, 1500, 2)]
    orders += [(f"new{n}", cut_off) for n in range(300)]
    late = customer_days([(name, day, 1, 70.0) for name, day in orders if (name, day) not in own])
    shop.give("customer_day", pa.concat_tables([known, landed(late, NIGHT)]))  # a leak: they came long after
    after = shop.features([cut_off])
    assert after.drop_columns("spend_last_complete").equals(before.drop_columns("spend_last_complete"))
    assert after["spend_last_complete"] != before["spend_last_complete"], "the label knows of them"
    shop.give("customer_day", pa.concat_tables([known, landed(late, *nights)]))  # had they come in time
    assert len(shop.features([cut_off])) > len(before) + 200


def returned(days: pa.Table, dated: date, known: date) -> pa.Table:
    """Returns of all that was bought on some days."""
    columns = {"customer_id": days["customer_id"], "sale_date": days["business_date"]}
    amounts = dict.fromkeys(("returned_revenue", "linked_revenue"), days["sale_revenue"])
    on = {"business_date": dated, "known_date": known}
    return pa.table(columns | amounts | {name: pa.array([day] * len(days), pa.date32()) for name, day in on.items()})


def test_a_return_after_a_cut_off_or_landed_after_it_changes_no_feature_and_one_before_it_does(shop, days):
    first, cut_off = CUT_OFFS[0], CUT_OFFS[2]
    nights = [first + timedelta(n) for n in range((NIGHT - first).days + 1)]
    shop.give("customer_day", landed(days, *nights))
    before = shop.features([cut_off])
    is_sold = pc.and_(pc.less_equal(days["business_date"], cut_off), pc.greater(days["business_date"], first))
    sold = days.filter(is_sold)
    for dated, known in ((cut_off + timedelta(1), cut_off + timedelta(1)), (cut_off, cut_off + timedelta(1))):
        shop.give("return_link", returned(sold, dated, known))
        assert shop.features([cut_off]).equals(before)
    shop.give("return_link", returned(sold, cut_off, cut_off))
    after = shop.features([cut_off])
    orders = ["days_since_last_order", "order_count", "p_alive", "revenue_365d"]
    assert after.select(orders).equals(before.select(orders))
    assert pc.sum(before["spend_90d"]).as_py() > 1000
    assert pc.sum(after["spend_90d"]).as_py() == 0.0


def featured(shop: Shop, days: pa.Table, cut_off: date) -> pa.Table:
    shop.give("customer_day", days)
    return shop.features([cut_off])


def test_before_the_first_night_all_is_known_by_its_date(shop, days):
    cut_off = CUT_OFFS[2]
    two_loads = landed(days, cut_off + timedelta(1), NIGHT)
    assert featured(shop, two_loads, cut_off).equals(featured(shop, days, cut_off))


def ago(*days: int) -> list[date]:
    return [NIGHT - timedelta(n) for n in days]


@pytest.mark.parametrize(
    ("nights", "expected"),
    [
        (range(7 * 100, -1, -7), (364, 273, 182, 91)),  # weekly: a week's receipts are there on each
        (range(6 + 7 * 100, 5, -7), (364, 273, 182, 91)),  # tonight is six days after the last ones: so is each
        ((100, 0), (370, 280, 190, 100)),  # the first night brought all history, the second all that came since
        ((119, 0), (360, 270, 180, 90)),  # nothing landed for more than four weeks
        (range(30, -1, -1), (360, 270, 180, 90)),
    ],
)
def test_cut_offs_lie_as_long_after_the_last_receipts_as_tonight_does(shop, days, nights, expected):
    known = days.filter(pc.less_equal(days["business_date"], NIGHT - timedelta(nights[-1])))
    shop.give("customer_day", landed(known, *ago(*nights)))
    assert cut_offs(shop.engine, NIGHT, timedelta(90), shop.settings) == ago(*expected)


def test_a_first_try_before_the_history_costs_no_forecast(shop, days):
    nightly = ago(*range(60, -1, -1))
    tried = landed(days.filter(pc.less_equal(days["business_date"], NIGHT - timedelta(150))).slice(0, 20), *ago(150))
    shop.give("customer_day", pa.concat_tables([tried, landed(days, *nightly).slice(20)]))
    assert cut_offs(shop.engine, NIGHT, timedelta(90), shop.settings) == CUT_OFFS
    assert len(shop.fit()["churn_model"]) == 1


def test_churn_learns_from_no_outcome_and_no_number_twice(shop, days):
    shop.give("customer_day", days)
    made = shop.fit()
    model = from_artefact(*(made["churn_model"][name][0].as_py() for name in ("artefact", "parameters")))
    known = {column.name for column in contract_of("customer_features").columns}
    others = {"customer_id", "as_of_date", "is_active", "has_churned", "spend_next", "spend_last_complete"}
    others |= {"order_day_count_365d", "spend_last", "spend_before", "revenue_90d", "revenue_365d"}
    assert model.bins.keys() == known - others - {"online_share"} | {"p_alive", "score"}  # no channel is known here
    assert "left_out_features" not in metrics(made["churn_fit"])


def test_several_cut_offs_in_one_pass_are_those_of_each_alone(shop, days):
    shop.give("customer_day", days)
    together = shop.features(CUT_OFFS)
    alone = pa.concat_tables([shop.features([day]) for day in CUT_OFFS])
    assert together.equals(alone)


def test_cut_offs_without_half_a_year_of_history_are_left_out_but_for_the_last_two(shop, days):
    def found(first: date) -> list[date]:
        shop.give("customer_day", days.filter(pc.greater_equal(days["business_date"], first)))
        return cut_offs(shop.engine, NIGHT, timedelta(90), shop.settings)

    assert found(date(2022, 1, 1)) == CUT_OFFS
    assert found(CUT_OFFS[1] - timedelta(185)) == CUT_OFFS[1:]
    assert found(CUT_OFFS[3]) == CUT_OFFS[2:]


# The season


def test_outcomes_are_counted_at_dates_four_weeks_apart_among_the_active(shop):
    known, at = NIGHT - timedelta(112), NIGHT - timedelta(140)  # the last two dates with a known outcome
    first = NIGHT - timedelta(400)
    orders = [
        ("first", first),
        ("first", first + timedelta(80)),
        ("stays", at - timedelta(10)),
        ("stays", known),
        ("late", at - timedelta(10)),
        ("late", at + timedelta(91)),
        ("gone", at - timedelta(89)),
        ("silent", at - timedelta(90)),
        ("back", at),
        ("back", at + timedelta(90)),
        ("returns", at),
    ]
    days = [(name, on, 1, 9.0) for name, on in orders] + [("returns", at + timedelta(3), 0, -9.0)]
    shop.give("customer_day", customer_days([*days, ("till", at, 1, 9.0)]))
    shop.give("service_account", pa.table({"customer_id": ["till"]}))
    found = score._outcomes_by_date(shop.engine, NIGHT, timedelta(90), shop.settings)
    assert (found.window, found.night) == (timedelta(90), NIGHT)
    rows = {tuple(row) for row in found.rows.itertuples(index=False)}
    assert {row for row in rows if row[0] >= at} == {
        (at, 0, 2, 1),  # back is back on the last day of the window, returns is not: a return is no order
        (at, 10, 2, 1),  # stays, and late, who is a day late
        (at, 89, 1, 1),  # gone; silent is not active
        (known, 0, 1, 1),
        (known, 28, 2, 1),  # back on day 62 of this window, and returns
        (known, 38, 1, 0),
    }
    # The active are known from 90 days after the first day.
    assert min(found.rows["as_of_date"]) == NIGHT - timedelta(308)
    assert {(NIGHT - day).days % 28 for day, *_ in rows} == {0}


def test_outcomes_leave_out_the_lead_days(shop, monkeypatch):
    at = NIGHT - timedelta(112)
    days = [("early", at), ("early", at + timedelta(5)), ("both", at), ("both", at + timedelta(5))]
    days += [("both", at + timedelta(6)), ("first", NIGHT - timedelta(300))]
    shop.give("customer_day", customer_days([(name, on, 1, 9.0) for name, on in days]))
    settings = shop.settings.model_copy(update={"churn_lead_days": 5})
    rows = score._outcomes_by_date(shop.engine, NIGHT, timedelta(95), settings).rows
    assert rows[rows["as_of_date"] == at].to_numpy().tolist() == [[at, 0, 2, 1]]


def test_a_retailer_of_few_days_has_no_outcomes(shop):
    for days in ([], [("one", NIGHT, 1, 9.0)]):
        if days:
            shop.give("customer_day", customer_days(days))
        else:
            score._sample_shopper_days(shop.engine)
        found = score._outcomes_by_date(shop.engine, NIGHT, timedelta(90), shop.settings)
        assert found.rows.empty
        assert found.season(NIGHT, [NIGHT - timedelta(90)]) == Season()


# Who is learnt from


def test_service_accounts_are_not_learnt_from(shop, days):
    shop.give("customer_day", days)
    without, without_buying = score._features_as_of(CUT_OFFS, NIGHT, shop.engine, shop.settings)
    till = [(name, NIGHT - timedelta(n), 90, 900.0) for name in ("till", "till2") for n in range(900)]
    shop.give("customer_day", pa.concat_tables([days, customer_days(till)]))
    shop.give("service_account", pa.table({"customer_id": ["till", "till2"]}))
    found, buying = score._features_as_of(CUT_OFFS, NIGHT, shop.engine, shop.settings)
    assert found.equals(without)
    assert buying == without_buying


def test_many_customers_are_learnt_from_a_sample_of_them(shop, days, monkeypatch):
    monkeypatch.setattr(score, "BUYING_CUSTOMERS", 700)
    shop.give("customer_day", days)
    half = f"md5(customer_id)[9:16] <= '{md5_share(0.5)}'"
    drawn = shop.engine.rows(f"SELECT COUNT(DISTINCT customer_id) FROM customer_day WHERE {half}")[0][0]
    assert 600 < drawn < 900
    sampled = score._buying_as_of([NIGHT], shop.engine, shop.settings)[NIGHT]
    monkeypatch.undo()
    shop.give("customer_day", days)
    whole = score._buying_as_of([NIGHT], shop.engine, shop.settings)[NIGHT]
    assert sampled != whole
    assert sampled.r / sampled.alpha == pytest.approx(whole.r / whole.alpha, rel=0.25)
