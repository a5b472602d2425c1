"""The benchmark's own parts: the extracts that it makes, the floors that it measures, what it prints."""

from pipelines.ops import bench


def test_extracts_are_whole_and_the_same_for_the_same_seed(tmp_path):
    rows = [bench.write_extracts(tmp_path / name, 50) for name in ("one", "two")]
    assert rows[0] == rows[1]
    assert rows[0]["crm_customers"] == 50
    files = [
        sorted(p.relative_to(tmp_path / name) for p in (tmp_path / name).rglob("*.csv")) for name in ("one", "two")
    ]
    assert files[0] == files[1]
    assert all((tmp_path / "one" / f).read_bytes() == (tmp_path / "two" / f).read_bytes() for f in files[0])


def test_floors_are_measured_for_sources_and_for_sql_tables(retailer):
    bench.write_extracts(retailer.home / "landing", 20)
    night = retailer.load(f"{bench.HISTORY_END}", upto=("staging", "facts"))
    found = bench.floors(retailer.home, night.run_date)
    assert {"receipts", "receipt_fact", "customer_day"} <= found.keys()
    assert all(seconds >= 0 for seconds in found.values())
    assert not (retailer.home / "floor.parquet").exists()


def test_a_comparison_shows_seconds_memory_floor_and_what_it_was_before():
    def result(seconds):
        step = {"step": "customer_day", "rows": 1, "seconds": seconds, "peak_mib": 10}
        night = {"wall_seconds": 5.0, "airflow": 1.0, "steps": [step], "floors": {"customer_day": 1.0}}
        return {"customers": 1, "rows": {"receipt_lines": 2}, "machine": {}, "nights": {"cold start": night}}

    lines = bench.comparison(result(2.0), result(4.0)).splitlines()
    assert lines[0].startswith("1 customers, 2 lines")
    assert "2.0 x the floor of 1.00 s" in lines[-1]
    assert "(4.00 s, 10 MiB)" in lines[-1]
