"""Whatever the values: a dialect is right, or its doubt is said."""

from datetime import date

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.intake.inspection.inspect import Inspection, inspect_file

STYLES = [(".", ""), (".", ","), (",", ""), (",", "."), (",", " "), (",", "\u00a0"), (".", "'")]
FORMS = {
    "day_first": ["{d:02d}.{m:02d}.{y}", "{d}/{m}/{y}", "{d:02d}-{m:02d}-{y}"],
    "month_first": ["{m:02d}/{d:02d}/{y}", "{m}/{d}/{y} 1:05 PM"],
    "year_first": ["{y}-{m:02d}-{d:02d}", "{y}/{m:02d}/{d:02d}"],
}


@pytest.fixture(scope="module")
def look(tmp_path_factory):
    path = tmp_path_factory.mktemp("files") / "orders.csv"

    def inspect(text: str) -> Inspection:
        path.write_text(text, encoding="utf-8")
        return inspect_file(path)

    return inspect


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    values=st.lists(st.integers(-10_000_000, 10_000_000), min_size=1, max_size=8),
    places=st.sampled_from([0, 2, 3]),
    style=st.sampled_from(STYLES),
)
def test_a_decimal_mark_is_right_or_in_doubt(look, values, places, style):
    decimal, group = style

    def written(value: int) -> str:
        whole, rest = divmod(abs(value), 10**places)
        fraction = f"{decimal}{rest:0{places}d}" if places else ""
        return f"{'-' if value < 0 else ''}{f'{whole:,}'.replace(',', group)}{fraction}"

    found = look("Order ID;Total\n" + "".join(f"A{n};{written(v)}\n" for n, v in enumerate(values)))
    said = any("decimal" in doubt for doubt in found.doubts)
    has_mark = places > 0 or (group in (".", ",") and any(abs(value) >= 1000 for value in values))
    assert said or found.marks.decimal == decimal or (found.marks.decimal is None and not has_mark)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    days=st.lists(st.dates(date(2019, 1, 1), date(2025, 12, 31)), min_size=1, max_size=8),
    form=st.sampled_from([(order, form) for order, forms in FORMS.items() for form in forms]),
)
def test_an_order_of_dates_is_right_or_in_doubt(look, days, form):
    order, pattern = form
    rows = "".join(f"A{n};{pattern.format(y=day.year, m=day.month, d=day.day)};1,50\n" for n, day in enumerate(days))
    found = look(f"Order ID;Date;Total\n{rows}")
    assert found.dates.order == order or any("dates" in doubt for doubt in found.doubts)
