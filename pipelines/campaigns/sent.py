"""What the tools were sent: the last sent delivery of each campaign, as tables that the lists are worked out from."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import duckdb
import pyarrow as pa

from pipelines.catalog import query
from pipelines.engines.sql import one_file
from pipelines.store.deliveries import Delivery

_ADDRESSES = "email VARCHAR, phone VARCHAR, push_token VARCHAR, messenger_id VARCHAR"
# Columns of a delivery's files. mode: audience or send. sent_date: of a sending, the night. Who is control has no
# address.
MEMBERS = (
    "campaign_id VARCHAR, channel VARCHAR, target VARCHAR, mode VARCHAR, customer_id VARCHAR, arm VARCHAR, "
    f"sent_date DATE, {_ADDRESSES}"
)
ASSIGNMENTS = (
    "campaign_id VARCHAR, customer_id VARCHAR, channel VARCHAR, arm VARCHAR, assigned_at TIMESTAMP WITH TIME ZONE, "
    "assigned_date DATE, window_days BIGINT, control_share DOUBLE, source VARCHAR"
)
ELIGIBLE = "campaign_id VARCHAR, channel VARCHAR, customer_id VARCHAR"


def give_sent(con: duckdb.DuckDBPyConnection, sent: Sequence[Delivery], upgraded_from: date | None = None) -> None:
    """Make what selection reads of the deliveries that were sent last, one a campaign.

    In `con`: list_sent (members), list_delivered_assignment, list_eligible_before and list_last_sent (campaign and
    night).

    Args:
        con: has history.campaign_list, history.campaign_assignment and history.crm_customers_personal.
        sent: Each campaign's last sent delivery.
        upgraded_from: The last night, if a version that kept no deliveries made it: then its lists are what was sent.
    """
    _give_files(con, "sent", MEMBERS, [delivery.members for delivery in sent])
    _give_files(con, "delivered_assignment", ASSIGNMENTS, [delivery.assignments for delivery in sent])
    _give_files(con, "eligible_before", ELIGIBLE, [delivery.eligible for delivery in sent])
    last = {
        "campaign_id": pa.array([delivery.note.campaign_id for delivery in sent], pa.string()),
        "sent_date": pa.array([delivery.note.run_date for delivery in sent], pa.date32()),
    }
    con.register("incoming", pa.table(last))
    con.execute("CREATE OR REPLACE TEMP TABLE list_last_sent AS FROM incoming")
    con.unregister("incoming")
    if upgraded_from is not None:
        con.execute("CREATE OR REPLACE TEMP TABLE list_upgrade AS SELECT $night AS sent_date", {"night": upgraded_from})
        known = query("lists/upgraded")
        con.execute(f"INSERT INTO list_sent BY NAME {known}")


def _give_files(con: duckdb.DuckDBPyConnection, name: str, columns: str, paths: Sequence[Path]) -> None:
    con.execute(f"CREATE OR REPLACE TEMP TABLE list_{name} ({columns})")
    if paths:
        con.execute(
            f"INSERT INTO list_{name} BY NAME FROM read_parquet($paths)", {"paths": [one_file(path) for path in paths]}
        )
