"""What the manifests of campaign files say: which files there are, and who is in none and why."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipelines.campaigns.config import Campaign, Campaigns
from pipelines.campaigns.selection import Lists
from pipelines.campaigns.targets import Kind, export_target
from pipelines.catalog import SQL

# Where the segments' definitions are.
SEGMENTS = SQL / "segments"


@dataclass(frozen=True)
class ExportFile:
    """One file of a night, to be written or written.

    `path` is relative to the night's folder. `no_countries` counts values that were left out as no country, by header.
    """

    path: str
    campaign_id: str
    channel: str
    target: str
    kind: Kind
    rows: int = 0
    bytes: int = 0
    sha256: str = ""
    no_countries: dict[str, int] = field(default_factory=dict)


def campaign_manifests(
    lists: Lists,
    planned: Collection[ExportFile],
    written: Collection[ExportFile],
    campaigns: Campaigns,
    run_date: date,
    held: Collection[str] = (),
) -> list[dict[str, Any]]:
    """The manifest of each campaign that has files, by id.

    Args:
        lists: the counts of the night.
        planned: the lists and removals of the night.
        written: their files; a large one was split into several.
        campaigns: the config.
        run_date: the business date.
        held: ids of campaigns that are held back: their removals are told, and no counts of a list.
    """
    by_id = {campaign.id: campaign for campaign in campaigns.campaigns}
    manifests = []
    for campaign_id in sorted({file.campaign_id for file in planned}):
        manifest = _campaign_manifest(by_id.get(campaign_id), campaign_id, run_date)
        manifest["channels"] = [
            _channel_manifest(
                lists,
                [file for file in written if (file.campaign_id, file.channel) == (campaign_id, channel)],
                campaign_id,
                channel,
                run_date,
                is_held=campaign_id in held,
            )
            for channel in sorted({file.channel for file in planned if file.campaign_id == campaign_id})
        ]
        manifests.append(manifest)
    return manifests


def _campaign_manifest(campaign: Campaign | None, campaign_id: str, run_date: date) -> dict[str, Any]:
    """The head of a campaign's manifest; only the id is known of a campaign that was taken out of the config."""
    head: dict[str, Any] = {"run_date": run_date.isoformat(), "campaign_id": campaign_id}
    if campaign is None:
        return head
    return head | {
        "name": campaign.name,
        "is_running": campaign.runs_on(run_date),
        "priority": campaign.priority,
        "window_days": campaign.window_days,
        "control_share": campaign.control_share,
        "segments": {name: _segment_definition(name) for name in campaign.segment},
    }


def _segment_definition(segment: str) -> str:
    """What a segment's SQL file says of it: its header comment."""
    lines = (SEGMENTS / f"{segment}.sql").read_text(encoding="utf-8").lstrip().splitlines()
    comment = []
    for line in lines:
        if not line.startswith("--"):
            break
        comment.append(line.lstrip("- ").strip())
    return " ".join(comment)


def _channel_manifest(
    lists: Lists, files: list[ExportFile], campaign_id: str, channel: str, run_date: date, *, is_held: bool
) -> dict[str, Any]:
    """What a manifest says of one campaign and channel: counts, warnings and files."""
    listed = sum(file.rows for file in files if file.kind == "list")
    left_out = _counts(lists.exclusions, "reason", campaign_id, channel)
    removed = _counts(lists.removal_counts, "target", campaign_id, channel)
    warnings = list(_list_warnings([file for file in files if file.kind == "list"], run_date))
    told = sum(count for name, count in removed.items() if export_target(name).takes_removals)
    nameless = told - sum(file.rows for file in files if file.kind == "removals")
    if nameless:
        warnings.append(
            f"{nameless} removals are in no file: no address is known, or another customer's list entry has it"
        )
    counts = {
        "candidates": listed + sum(left_out.values()),
        "listed": listed,
        "left_out": left_out,
        "bad_values": _counts(lists.bad_values, "address", campaign_id, channel),
    }
    return {
        "channel": channel,
        **({"is_held": True} if is_held else counts),
        "removed": sum(removed.values()),
        "warnings": warnings,
        "files": [
            {
                "path": file.path,
                "kind": file.kind,
                "target": file.target,
                "rows": file.rows,
                "bytes": file.bytes,
                "sha256": file.sha256,
            }
            for file in files
        ],
    }


def _list_warnings(files: list[ExportFile], run_date: date) -> Iterator[str]:
    """What a person has to know who uploads a channel's lists; a large one is in several files."""
    for name in dict.fromkeys(file.target for file in files):
        target, parts = export_target(name), [file for file in files if file.target == name]
        for part in parts:
            if part.rows < target.minimum_rows:
                where = f"{Path(part.path).name}: " if len(parts) > 1 else ""
                stays = "; whoever left stays in the tool until then: delete its segment"
                yield (
                    f"{where}{part.rows} rows, but {name} takes lists of {target.minimum_rows} and more"
                    f"{stays if target.removal == 'replace' else ''}"
                )
        for header, count in parts[0].no_countries.items():
            yield f"{count} values of {header} are no country by ISO 3166, and are left out"
        if target.removal == "replace" and len(parts) > 1:
            yield f"{len(parts)} files, but {name} replaces its list by each: give each file a segment of its own"
        if target.membership_days:
            end = run_date + timedelta(days=target.membership_days)
            yield f"{name} forgets members after {target.membership_days} days: upload the list again before {end}"


def _counts(table: pa.Table, by: str, campaign_id: str, channel: str) -> dict[str, int]:
    """customer_count by the column `by` of one campaign and channel."""
    rows = (row for row in table.to_pylist() if (row["campaign_id"], row["channel"]) == (campaign_id, channel))
    return {row[by]: row["customer_count"] for row in rows}
