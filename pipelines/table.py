"""What a table of a night is: its layer, how it is made and what it reads."""

from dataclasses import dataclass
from typing import Literal, get_args

from pipelines.contracts import table_contract

Layer = Literal["staging", "facts", "scores", "marts", "segments"]
LAYERS: tuple[Layer, ...] = get_args(Layer)

# Tables that a night works out only for the receipts, customers or days that it touches, by that column. No contract
# says so: pipelines/tables/incremental.py finds what is touched by way of these very tables.
INCREMENTAL = {
    "receipt_fact": "receipt_id",
    "receipt_offer": "receipt_id",
    "line_slip": "business_date",
    "return_link": "customer_id",
    "customer_day": "customer_id",
    "customer_category": "customer_id",
    "customer_totals": "customer_id",
    "customer_gap": "customer_id",
    "lifecycle_stay": "customer_id",
    "customer_start": "customer_id",
    "points_flow": "customer_id",
    "customer_points": "customer_id",
    "web_visit": "occurred_date",
    "web_visitor": "customer_id",
}


@dataclass(frozen=True)
class Table:
    """One table: how it is made and what it reads.

    inputs are tables of tonight, history what earlier nights published, replaced (of a view) superseded rows.

    A `split` is made along with the table that it reads: a source's personal columns, a second result of a function.
    A fit is kept from night to night, until it is a week old or what it is made by has changed: its model (a module or
    folder of models/, if it has one), the libraries that it runs, its queries, or the SQL of its inputs.
    A table that keeps rows takes over those of last night that tonight does not touch, while its recipe stays.
    queries are the files of sql/ that a Python table runs itself, see query.
    """

    name: str
    layer: Layer
    kind: Literal["source", "split", "sql", "python", "segments"]
    inputs: tuple[str, ...] = ()
    history: tuple[str, ...] = ()
    replaced: tuple[str, ...] = ()
    sql: str = ""
    function: str = ""
    model: str = ""
    libraries: tuple[str, ...] = ()
    queries: tuple[str, ...] = ()
    is_fit: bool = False
    keeps_rows: bool = False

    @property
    def is_incremental(self) -> bool:
        return self.name in INCREMENTAL

    @property
    def is_view(self) -> bool:
        """Whether a night writes no file for it, as its contract says: its SELECT runs where it is read."""
        return self.kind == "sql" and table_contract(self.name).is_view
