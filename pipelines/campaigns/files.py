"""Campaign files: the lists of a night, each in the format of the tool that imports it.

The formats are the contracts in data_contracts/exports/: headers, where a column's value comes from, what is hashed,
delimiter, size limit, fewest rows. This module fills them and writes a night's folder as a whole.
"""

import hashlib
import json
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from pipelines.campaigns.config import Campaign, Campaigns
from pipelines.campaigns.selection import Lists
from pipelines.campaigns.targets import Kind, export_target, list_query
from pipelines.catalog import SQL
from pipelines.engines.sql import literal
from pipelines.errors import LoyaltyError
from pipelines.settings import Settings


@dataclass(frozen=True)
class ExportFile:
    """One written file; `path` is relative to the night's folder."""

    path: str
    campaign_id: str
    channel: str
    target: str
    kind: Kind
    rows: int = 0
    bytes: int = 0
    sha256: str = ""


def split_file(path: Path, limit: int | None, header: bool) -> Iterator[tuple[Path, int]]:
    """Parts of a file whose records are lines, each below the limit and with the header; and their records.

    The file itself if it is small enough, else `<name>.part-001<suffix>` and so on in its place.

    Raises:
        LoyaltyError: a record alone is over the limit.
    """
    with path.open("rb") as whole:
        head = whole.readline() if header else b""
        if limit is None or path.stat().st_size < limit:
            yield path, sum(block.count(b"\n") for block in iter(lambda: whole.read(1 << 20), b""))
            return
        part, size, rows, number = None, 0, 0, 0
        for line in whole:
            if len(head) + len(line) >= limit:
                raise LoyaltyError(
                    f"{path.name}: a record alone is over the limit of {limit} bytes; shorten its fields"
                )
            if part is None or size + len(line) >= limit:
                if part is not None:
                    part.close()
                    yield Path(part.name), rows
                number += 1
                part = path.with_suffix(f".part-{number:03d}{path.suffix}").open("wb")
                part.write(head)
                size, rows = len(head), 0
            part.write(line)
            size, rows = size + len(line), rows + 1
        if part is not None:
            part.close()
            yield Path(part.name), rows
    path.unlink()


def _write_files(
    con: duckdb.DuckDBPyConnection,
    campaign: Campaign | None,
    file: ExportFile,
    night: Path,
    settings: Settings,
) -> list[ExportFile]:
    """Writes one list, or its removals: `file` says which; what is returned has path, rows and hash of each part."""
    path, target = night / file.path, export_target(file.target)
    channels = campaign.channels if campaign else []
    fields = next((c.fields for c in channels if (c.channel, c.target) == (file.channel, file.target)), {})
    types = {name: str(kind) for name, kind, *_ in con.execute("DESCRIBE customer_360").fetchall()}
    query = list_query(target, file.channel, fields, types, file.kind)
    form = "FORMAT JSON" if target.format == "jsonl" else f"FORMAT CSV, HEADER, DELIMITER {literal(target.delimiter)}"
    con.execute(
        f"COPY ({query}) TO {literal(str(path))} ({form})", {"campaign": file.campaign_id, "channel": file.channel}
    )
    written = []
    for part, rows in split_file(path, target.maximum_bytes, header=target.format == "csv"):
        part.chmod(settings.file_mode)
        with part.open("rb") as content:
            digest = hashlib.file_digest(content, "sha256").hexdigest()
        name = part.relative_to(night).as_posix()
        written.append(replace(file, path=name, rows=rows, bytes=part.stat().st_size, sha256=digest))
    return written


def segment_definition(segment: str) -> str:
    """What a segment's SQL file says of it: its header comment."""
    lines = (SQL / "segments" / f"{segment}.sql").read_text(encoding="utf-8").lstrip().splitlines()
    comment = []
    for line in lines:
        if not line.startswith("--"):
            break
        comment.append(line.lstrip("- ").strip())
    return " ".join(comment)


def _counts(table: pa.Table, by: str, campaign_id: str, channel: str) -> dict[str, int]:
    """customer_count by the column `by` of one campaign and channel."""
    rows = (row for row in table.to_pylist() if (row["campaign_id"], row["channel"]) == (campaign_id, channel))
    return {row[by]: row["customer_count"] for row in rows}


def _channel_manifest(lists: Lists, files: list[ExportFile], campaign_id: str, channel: str) -> dict[str, Any]:
    """What the manifest says of one campaign and channel: files, and who is in none and why."""
    rows = {kind: sum(file.rows for file in files if file.kind == kind) for kind in ("list", "removals")}
    left_out = _counts(lists.exclusions, "reason", campaign_id, channel)
    removed = _counts(lists.removal_counts, "target", campaign_id, channel)
    warnings = [
        f"{rows['list']} rows, but {target.name} takes lists of {target.minimum_rows} and more"
        for target in {export_target(file.target) for file in files if file.kind == "list"}
        if rows["list"] < target.minimum_rows
    ]
    nameless = sum(removed.values()) - rows["removals"]
    if nameless:
        warnings.append(
            f"{nameless} removals are in no file: no address is known, or another customer's list entry has it"
        )
    return {
        "channel": channel,
        "candidates": rows["list"] + sum(left_out.values()),
        "listed": rows["list"],
        "left_out": left_out,
        "bad_values": _counts(lists.bad_values, "address", campaign_id, channel),
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


def _campaign_manifest(campaign: Campaign | None, campaign_id: str, run_date: date) -> dict[str, Any]:
    """The head of a campaign's manifest; a campaign that was taken out of the config is known by its id only."""
    head: dict[str, Any] = {"run_date": run_date.isoformat(), "campaign_id": campaign_id}
    if campaign is None:
        return head
    return head | {
        "name": campaign.name,
        "is_running": campaign.runs_on(run_date),
        "priority": campaign.priority,
        "window_days": campaign.window_days,
        "control_share": campaign.control_share,
        "segments": {name: segment_definition(name) for name in campaign.segment},
    }


def _write_json(path: Path, content: dict[str, Any], mode: int) -> None:
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    path.chmod(mode)


def replace_folder(new: Path, folder: Path) -> None:
    """Puts `new` in the place of `folder`, which may exist."""
    old = folder.with_name(f".{folder.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.rename(old)
    new.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def write_exports(
    con: duckdb.DuckDBPyConnection,
    lists: Lists,
    campaigns: Campaigns,
    settings: Settings,
    run_date: date,
    out_dir: Path,
) -> list[ExportFile]:
    """Writes the night's campaign files to out_dir/<run_date>/, in place of what is there.

    A running campaign has one list per channel (if nobody is on it, the header alone); who has left a list since the
    night before, and the old address of who has another now, is in `<channel>_removals`. Files are sorted by
    customer_id and address, so that the same lists make the same bytes. manifest.json of each campaign and of the night
    come last; they hold no time of writing.

    Args:
        con: has customer, customer_360 and what campaign_lists left in it.
        lists: from campaign_lists, of the same night.
        campaigns: the same config.
        settings: the modes of files and folders.
        run_date: the business date.
        out_dir: the folder of all nights' exports.

    Returns:
        The files, by path, without the manifests.
    """
    folder = out_dir / run_date.isoformat()
    night = out_dir / f".{run_date}.new"
    shutil.rmtree(night, ignore_errors=True)
    for path in (out_dir, night):
        path.mkdir(mode=settings.folder_mode, parents=True, exist_ok=True)
        path.chmod(settings.folder_mode)
    by_id = {campaign.id: campaign for campaign in campaigns.campaigns}
    todo = [
        ExportFile(f"{c.id}/{ch.channel}.{export_target(ch.target).format}", c.id, ch.channel, ch.target, "list")
        for c in campaigns.campaigns
        if c.runs_on(run_date)
        for ch in c.channels
    ]
    for row in lists.removal_counts.to_pylist():
        campaign_id, channel, target = row["campaign_id"], row["channel"], row["target"]
        name = f"{campaign_id}/{channel}_removals.{export_target(target).format}"
        todo.append(ExportFile(name, campaign_id, channel, target, "removals"))
    files: list[ExportFile] = []
    for file in todo:
        (night / file.campaign_id).mkdir(exist_ok=True)
        (night / file.campaign_id).chmod(settings.folder_mode)
        files += _write_files(con, by_id.get(file.campaign_id), file, night, settings)
    files.sort(key=lambda file: file.path)
    manifests = []
    for campaign_id in sorted({file.campaign_id for file in todo}):
        channels = sorted({file.channel for file in todo if file.campaign_id == campaign_id})
        manifest = _campaign_manifest(by_id.get(campaign_id), campaign_id, run_date)
        manifest["channels"] = [
            _channel_manifest(
                lists, [f for f in files if (f.campaign_id, f.channel) == (campaign_id, channel)], campaign_id, channel
            )
            for channel in channels
        ]
        manifests.append(manifest)
        _write_json(night / campaign_id / "manifest.json", manifest, settings.file_mode)
    _write_json(night / "manifest.json", {"run_date": run_date.isoformat(), "campaigns": manifests}, settings.file_mode)
    replace_folder(night, folder)
    return files


def write_removals(
    con: duckdb.DuckDBPyConnection, campaigns: Campaigns, settings: Settings, folder: Path
) -> list[ExportFile]:
    """Writes the removals of lists_removals to a folder of their own, apart from any night's, with a manifest.json.

    Args:
        con: has lists_removals, customer and customer_360.
        campaigns: the config, for the files' columns.
        settings: the modes of files and folders.
        folder: where to write; it must not exist.
    """
    by_id = {campaign.id: campaign for campaign in campaigns.campaigns}
    writing = folder.with_name(f".{folder.name}.new")
    shutil.rmtree(writing, ignore_errors=True)
    files: list[ExportFile] = []
    places = con.execute("SELECT DISTINCT campaign_id, channel, target FROM lists_removals ORDER BY ALL").fetchall()
    for campaign_id, channel, target in places:
        path = writing / campaign_id
        path.mkdir(mode=settings.folder_mode, parents=True, exist_ok=True)
        name = f"{campaign_id}/{channel}_removals.{target}.{export_target(target).format}"
        file = ExportFile(name, campaign_id, channel, target, "removals")
        files += _write_files(con, by_id.get(campaign_id), file, writing, settings)
    writing.mkdir(mode=settings.folder_mode, parents=True, exist_ok=True)
    _write_json(writing / "manifest.json", {"files": [asdict(file) for file in files]}, settings.file_mode)
    writing.rename(folder)
    return files
