"""What a night says of its extracts."""

from conftest import Retailer, needed

DAYS = ("2017-12-01", "2017-12-02", "2017-12-03")


def test_a_source_has_come_since_the_night_that_first_brought_it_with_rows_or_without(retailer: Retailer):
    retailer.deliver(DAYS[0])
    retailer.deliver(DAYS[1], surveys="response_id,customer_id,answered_at,kind,score\n", stores="store_id\n")
    retailer.deliver(DAYS[2])
    found = []
    for day in DAYS:
        night = retailer.load(day, upto=("staging", "marts"), only=needed("data_quality"))
        rows = retailer.rows(night, "data_quality", "source, is_present, has_come")
        found.append({source: flags for source, *flags in rows if source in ("surveys", "stores", "web_events")})
    never, came, earlier = [False, False], [True, True], [False, True]
    assert found == [
        {"stores": never, "surveys": never, "web_events": never},
        {"stores": came, "surveys": came, "web_events": never},
        {"stores": earlier, "surveys": earlier, "web_events": never},
    ]
