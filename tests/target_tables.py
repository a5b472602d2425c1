"""What plans and growth targets read, for tests: its tables, and the tables that come of a file of targets."""

from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb

from pipelines.scoring.plan_actual import plan_actual
from pipelines.tables.calendar import periods_of
from pipelines.tables.inputs import contract_of


class Given:
    """An engine that has the tables that plans read, and nothing else."""

    def __init__(self) -> None:
        self.connection = duckdb.connect()
        for name in ("kpi_period", "store", "customer_day", "customer_rfm"):
            columns = ", ".join(f"{column.name} {column.type}" for column in contract_of(name).columns)
            self.connection.execute(f"CREATE TABLE {name} ({columns})")

    def add(self, table: str, **row: Any) -> None:
        marks = ", ".join("?" for _ in row)
        self.connection.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", list(row.values()))

    def register_arrow(self, name: str, table: Any) -> None:
        self.connection.register(name, table)

    def arrow(self, select: str) -> Any:
        return self.connection.execute(select).to_arrow_table()

    def rows(self, select: str, parameters: dict[str, Any] | None = None) -> list[tuple[Any, ...]]:
        return self.connection.execute(select, parameters).fetchall()


def period(engine: Given, start: date, kind: str = "day", cut: str = "all", value: str = "all", **figures: Any) -> None:
    end = next(end for name, _, end in periods_of(start) if name == kind)
    engine.add(
        "kpi_period",
        period=kind,
        period_start=start,
        period_end=end,
        cut=cut,
        cut_value=value,
        **({"is_complete": True} | figures),
    )


def tables(engine: Given, text: str, night: date) -> dict[str, list[dict[str, Any]]]:
    of_night = SimpleNamespace(run_date=night, target_file=text.encode())
    found = plan_actual(engine, of_night, SimpleNamespace(targets=Path("targets.yaml")))  # type: ignore[arg-type]
    return {name: table.to_pylist() for name, table in found.items()}
