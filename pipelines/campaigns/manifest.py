"""What the manifests of campaign files say: which files there are, and who is in none and why."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipelines.campaigns.config import Campaign
from pipelines.campaigns.selection import Lists
from pipelines.campaigns.targets import Kind, export_target
from pipelines.catalog import segment_path


@dataclass(frozen=True)
class ExportFile:
    """One file of a night, to be written or written.

    `path` is relative to the delivery's folder. `no_countries` counts values that were left out as no country, by
    header. `sent_on` is the night of a sending; None for an audience. `identifiers` are the columns that name a
    customer: what each is taken from, by header.
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
    sent_on: date | None = None
    identifiers: dict[str, str] = field(default_factory=dict)


def campaign_manifest(
    lists: Lists,
    files: Collection[ExportFile],
    campaign: Campaign | None,
    campaign_id: str,
    run_date: date,
    removed: Mapping[str, Mapping[str, int]],
    *,
    is_held: bool = False,
) -> dict[str, Any]:
    """The manifest of a campaign's delivery.

    Args:
        lists: the counts of the night.
        files: what was written; a large file was split into several.
        campaign: its config, if it has one without a fault.
        campaign_id: its id.
        run_date: the business date.
        removed: how many leave the tools, by channel and target.
        is_held: it is held back: only who must leave is told, and no counts of a list.
    """
    manifest: dict[str, Any] = {"run_date": run_date.isoformat(), "campaign_id": campaign_id}
    channels = {file.channel for file in files} | set(removed)
    if campaign is not None:
        manifest |= {
            "name": campaign.name,
            "is_running": campaign.runs_on(run_date),
            "priority": campaign.priority,
            "window_days": campaign.window_days,
            "control_share": campaign.control_share,
            "segments": {name: _segment_definition(name) for name in campaign.segment},
            "exclude": {name: _segment_definition(name) for name in campaign.exclude},
        }
    manifest["channels"] = [
        _channel_manifest(
            lists,
            [file for file in files if file.channel == channel],
            campaign_id,
            channel,
            run_date,
            removed.get(channel, {}),
            is_held=is_held,
        )
        for channel in sorted(channels)
    ]
    return manifest


def _segment_definition(segment: str) -> str:
    """What a segment's SQL file says of it: its header comment."""
    lines = segment_path(segment).read_text(encoding="utf-8").lstrip().splitlines()
    comment = []
    for line in lines:
        if not line.startswith("--"):
            break
        comment.append(line.lstrip("- ").strip())
    return " ".join(comment)


def _channel_manifest(
    lists: Lists,
    files: list[ExportFile],
    campaign_id: str,
    channel: str,
    run_date: date,
    removed: Mapping[str, int],
    *,
    is_held: bool,
) -> dict[str, Any]:
    """What a manifest says of one campaign and channel: counts, warnings and files."""
    listed = sum(file.rows for file in files if file.kind == "list")
    left_out = _counts(lists.exclusions, "reason", campaign_id, channel)
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
    modes = ["send" if file.sent_on else "audience" for file in files if file.kind == "list"]
    return {
        "channel": channel,
        "mode": next(iter(modes), None),
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
                "identifiers": file.identifiers,
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
