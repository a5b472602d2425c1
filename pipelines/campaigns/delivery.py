"""Deliveries of a night: each campaign's lists as a folder that is sent by one rename, once the night is published."""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import duckdb

from pipelines.campaigns.config import Campaign, Campaigns
from pipelines.campaigns.files import write_kept, write_lists
from pipelines.campaigns.holds import segment_hashes
from pipelines.campaigns.manifest import ExportFile
from pipelines.campaigns.selection import Lists
from pipelines.campaigns.sent import ASSIGNMENTS, ELIGIBLE
from pipelines.engines.sql import literal
from pipelines.intake.addresses import register_file_functions
from pipelines.settings import Settings
from pipelines.store.deliveries import Deliveries, Delivery, DeliveryNote

_OF_CAMPAIGN = "campaign_id = $campaign"


@dataclass(frozen=True)
class Made:
    """A delivery of tonight, and its files; where nothing is new, that of an earlier run of the night."""

    delivery: Delivery
    files: Sequence[ExportFile]
    counts: Sequence[Mapping[str, Any]]  # by channel: eligible_count, listed_count, removed_count

    def rows(self) -> Iterator[dict[str, Any]]:
        """Rows of campaign_delivery: one a channel."""
        for counts in self.counts:
            files = [file for file in self.files if file.channel == counts["channel"]]
            modes = ["send" if file.sent_on else "audience" for file in files if file.kind == "list"]
            yield {
                **counts,
                "campaign_id": self.delivery.note.campaign_id,
                "list_date": self.delivery.note.run_date,
                "delivery_number": self.delivery.number,
                "target": next((file.target for file in files), None),
                "mode": next(iter(modes), None),
                "held_reason": self.delivery.note.held,
            }


def make_deliveries(
    con: duckdb.DuckDBPyConnection,
    lists: Lists,
    campaigns: Campaigns,
    settings: Settings,
    run_date: date,
    deliveries: Deliveries,
    holds: Mapping[str | None, Sequence[str]],
) -> list[Made]:
    """Make tonight's deliveries: lists that leave with the night, lists that wait, and who must leave the held ones.

    Args:
        con: has what `settle` left in it.
        lists: of the night.
        campaigns: the campaigns without a fault.
        settings: the modes of files and folders.
        run_date: the business date.
        deliveries: to which tonight's are added.
        holds: why campaigns are held back.
    """
    register_file_functions(con)
    maker = _Maker(con, lists, campaigns, settings, run_date, deliveries)
    held = sorted(name for name in holds if name is not None)
    made = [maker.of_those_who_must_leave(name) for name in held if maker.has("list_kept", name)]
    for campaign in campaigns.campaigns:
        last, is_running = deliveries.last_sent(campaign.id), campaign.runs_on(run_date)
        has_to_end = (last is not None and last.note.is_running) or maker.has("list_removal", campaign.id)
        if is_running or has_to_end:
            made.append(maker.of_lists(campaign, "; ".join(holds.get(campaign.id, ())) or None))
    return made


@dataclass(frozen=True)
class _Maker:
    con: duckdb.DuckDBPyConnection
    lists: Lists
    campaigns: Campaigns
    settings: Settings
    run_date: date
    deliveries: Deliveries

    def has(self, table: str, campaign_id: str) -> bool:
        """Whether somebody of the campaign has to leave the tools."""
        condition = f"{_OF_CAMPAIGN} AND must_leave" if table == "list_kept" else _OF_CAMPAIGN
        row = self.con.execute(f"SELECT 1 FROM {table} WHERE {condition} LIMIT 1", {"campaign": campaign_id}).fetchone()
        return row is not None

    def of_lists(self, campaign: Campaign, held: str | None) -> Made:
        """A campaign's lists of tonight. A night that is run again makes no delivery where nothing is new."""
        last = self.deliveries.last_sent(campaign.id)
        folder = self.deliveries.new_folder(campaign.id)
        files = write_lists(
            self.con, self.lists, self.campaigns, campaign.id, self.settings, self.run_date, folder / "files"
        )
        counts = self._counts(campaign.id, files, is_held=held is not None)
        note = DeliveryNote(
            campaign_id=campaign.id,
            run_date=self.run_date,
            held=held,
            is_running=campaign.runs_on(self.run_date),
            channels=tuple(channel.channel for channel in campaign.channels),
            segments=segment_hashes(campaign),
            removed={row["channel"]: row["removed_count"] for row in counts},
            lists={file.path: file.sha256 for file in files if file.kind == "list" and not file.sent_on},
        )
        if held is None and last is not None and self._has_nothing_new(campaign.id, note, last):
            shutil.rmtree(folder)
            removed = last.note.removed
            return Made(last, files, [row | {"removed_count": removed.get(row["channel"], 0)} for row in counts])
        self._write(
            folder / "members.parquet",
            f"SELECT * FROM list_known WHERE {_OF_CAMPAIGN} ORDER BY channel, target, customer_id, sent_date",
            campaign.id,
        )
        self._write(
            folder / "eligible.parquet",
            f"""SELECT channel.campaign_id, channel.channel, decision.customer_id
            FROM list_decision AS decision JOIN list_channel AS channel USING (list_number)
            WHERE channel.{_OF_CAMPAIGN} AND decision.is_eligible ORDER BY ALL""",
            campaign.id,
        )
        entered = f"SELECT * FROM list_new_assignment WHERE {_OF_CAMPAIGN}"
        if last is not None and last.note.run_date == self.run_date:  # of an earlier run of the night
            entered += f" UNION ALL SELECT * FROM list_delivered_assignment WHERE {_OF_CAMPAIGN}"
        self._write(folder / "assignments.parquet", f"{entered} ORDER BY customer_id", campaign.id)
        return Made(self.deliveries.add(folder, note), files, counts)

    def _has_nothing_new(self, campaign_id: str, note: DeliveryNote, last: Delivery) -> bool:
        is_rerun = last.note.run_date == note.run_date and last.note.is_running == note.is_running
        if not is_rerun or last.note.lists != note.lists or self.has("list_removal", campaign_id):
            return False
        row = self.con.execute(
            f"""SELECT 1 FROM list_decision AS decision JOIN list_channel AS channel USING (list_number)
            WHERE channel.{_OF_CAMPAIGN} AND channel.is_sending AND decision.is_turn LIMIT 1""",
            {"campaign": campaign_id},
        ).fetchone()
        return row is None

    def of_those_who_must_leave(self, campaign_id: str) -> Made:
        """What tells the tools of a held campaign who may no longer be written to; the others stay as they are."""
        last = self.deliveries.last_sent(campaign_id)
        folder = self.deliveries.new_folder(campaign_id)
        files = write_kept(
            self.con, self.lists, self.campaigns, campaign_id, self.settings, self.run_date, folder / "files"
        )
        self._write(
            folder / "members.parquet",
            f"""SELECT sent.* FROM list_sent AS sent
            ANTI JOIN (FROM list_kept WHERE must_leave) AS leaving
                ON sent.mode = 'audience' AND sent.campaign_id = leaving.campaign_id AND sent.channel = leaving.channel
                AND sent.target = leaving.target AND sent.customer_id = leaving.customer_id
            WHERE sent.{_OF_CAMPAIGN} ORDER BY channel, target, customer_id, sent_date""",
            campaign_id,
        )
        is_of_tonight = last is not None and last.note.run_date == self.run_date
        for name, table, columns, is_kept in (
            ("eligible", "list_eligible_before", ELIGIBLE, True),
            ("assignments", "list_delivered_assignment", ASSIGNMENTS, is_of_tonight),
        ):
            names = ", ".join(column.split(" ")[0] for column in columns.split(", "))
            select = f"SELECT {names} FROM {table} WHERE {_OF_CAMPAIGN} AND {is_kept} ORDER BY customer_id"
            self._write(folder / f"{name}.parquet", select, campaign_id)
        note = last.note if last else DeliveryNote(campaign_id=campaign_id, run_date=self.run_date)
        note = note.model_copy(update={"run_date": self.run_date, "held": None, "lists": {}})
        removed = self.con.execute(
            f"""SELECT channel, NULL AS eligible_count, 0 AS listed_count, COUNT(*) AS removed_count
            FROM list_kept WHERE {_OF_CAMPAIGN} AND must_leave GROUP BY channel ORDER BY channel""",
            {"campaign": campaign_id},
        )
        return Made(self.deliveries.add(folder, note), files, removed.to_arrow_table().to_pylist())

    def _write(self, path: Path, select: str, campaign_id: str) -> None:
        self.con.execute(f"COPY ({select}) TO {literal(str(path))} (FORMAT parquet)", {"campaign": campaign_id})
        path.chmod(0o600)

    def _counts(self, campaign_id: str, files: Sequence[ExportFile], *, is_held: bool) -> list[dict[str, Any]]:
        """By channel: how many could be on the list, are on it, and leave the tools."""
        listed = "list_entry" if is_held else "list_listed"
        counted = {
            "eligible_count": f"""SELECT channel.channel, COUNT(*) FILTER (decision.is_eligible)
                FROM list_channel AS channel LEFT JOIN list_decision AS decision USING (list_number)
                WHERE channel.{_OF_CAMPAIGN} GROUP BY ALL""",
            "listed_count": f"SELECT channel, COUNT(*) FROM {listed} WHERE {_OF_CAMPAIGN} GROUP BY ALL",
            "removed_count": f"SELECT channel, COUNT(*) FROM list_removal WHERE {_OF_CAMPAIGN} GROUP BY ALL",
        }
        parameters = {"campaign": campaign_id}
        found = {name: dict(self.con.execute(sql, parameters).fetchall()) for name, sql in counted.items()}
        channels = sorted({*(file.channel for file in files), *(c for counts in found.values() for c in counts)})
        return [
            {
                "channel": channel,
                "eligible_count": found["eligible_count"].get(channel),
                "listed_count": found["listed_count"].get(channel, 0),
                "removed_count": found["removed_count"].get(channel, 0),
            }
            for channel in channels
        ]
