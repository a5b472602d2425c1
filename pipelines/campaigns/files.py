"""Campaign files: a campaign's lists, each in the format of the tool that imports it, and their manifest.

`content` makes the SQL of a file from the tool's contract; this module runs it and writes a delivery's files.
"""

import hashlib
import json
import shutil
from collections.abc import Collection, Iterator
from dataclasses import asdict, replace
from datetime import date
from pathlib import Path
from typing import Any

import duckdb

from pipelines.campaigns.config import Campaigns
from pipelines.campaigns.content import ListFile, country_losses_query, list_query
from pipelines.campaigns.manifest import ExportFile, campaign_manifest
from pipelines.campaigns.selection import Lists
from pipelines.campaigns.targets import Removal, export_target
from pipelines.engines.sql import literal
from pipelines.errors import LoyaltyError
from pipelines.intake.addresses import register_file_functions
from pipelines.settings import Settings

# What a person does in a tool to erase somebody, beside importing the removals.
_BY_HAND: dict[Removal, str] = {
    "replace": "upload the list again",
    "field": "delete the contact; the removals only take it off the list",
    "none": "delete what the tool keeps of the person",
}


def write_lists(
    con: duckdb.DuckDBPyConnection,
    lists: Lists,
    campaigns: Campaigns,
    campaign_id: str,
    settings: Settings,
    run_date: date,
    folder: Path,
) -> list[ExportFile]:
    """Write a campaign's lists of tonight, who left its audiences, and their manifest.json, to a new folder.

    A running campaign has one list per channel (the header alone if nobody is on it). `<channel>_removals` holds who
    left an audience since the last delivery, and old addresses of who has another now, for the tools that take such a
    file. Where a tool replaces its list, a list that somebody left is written even if the campaign ended (then it is
    empty). Rows are sorted by customer_id and address, so that the same lists make the same bytes. The manifest holds
    no time of writing.

    Args:
        con: has customer, customer_identity, customer_360 and what campaign_lists left in it.
        lists: from campaign_lists, of the same night.
        campaigns: the same config.
        campaign_id: the campaign.
        settings: the modes of files and folders.
        run_date: the business date.
        folder: where to write.

    Returns:
        The files, by path, without the manifest.
    """
    campaign = next(c for c in campaigns.campaigns if c.id == campaign_id)
    running = campaign.channels if campaign.runs_on(run_date) else []
    planned = [
        ExportFile(
            f"{channel.channel}.{export_target(channel.target).format}",
            campaign_id,
            channel.channel,
            channel.target,
            "list",
            sent_on=run_date if campaign.mode_of(channel) == "send" else None,
        )
        for channel in running
    ]
    planned += _leaving(con, campaign_id, {(channel.channel, channel.target) for channel in running})
    return _write_folder(con, lists, campaigns, campaign_id, planned, settings, run_date, folder, is_held=False)


def write_kept(
    con: duckdb.DuckDBPyConnection,
    lists: Lists,
    campaigns: Campaigns,
    campaign_id: str,
    settings: Settings,
    run_date: date,
    folder: Path,
) -> list[ExportFile]:
    """Write, of a campaign that is held back, what tells its tools of those who must leave; arguments as above.

    `con` also has what `settle` left in it.
    """
    planned = _leaving(con, campaign_id, set(), is_held=True)
    return _write_folder(con, lists, campaigns, campaign_id, planned, settings, run_date, folder, is_held=True)


def _leaving(
    con: duckdb.DuckDBPyConnection, campaign_id: str, running: Collection[tuple[str, str]], *, is_held: bool = False
) -> list[ExportFile]:
    """The files that an audience needs whom somebody left: removals, or the list anew where the tool replaces it."""
    leaving = "list_kept WHERE must_leave AND" if is_held else "list_removal WHERE"
    found = con.execute(
        f"SELECT DISTINCT channel, target FROM {leaving} campaign_id = $campaign ORDER BY ALL",
        {"campaign": campaign_id},
    ).fetchall()
    files = []
    for channel, name in found:
        target = export_target(name)
        if target.takes_removals:
            path = f"{channel}_removals.{target.format}"
            files.append(ExportFile(path, campaign_id, channel, name, "removals"))
        elif target.removal == "replace" and (channel, name) not in running:
            has_another = any(entry[0] == channel for entry in running)
            path = f"{channel}.{name}.{target.format}" if has_another else f"{channel}.{target.format}"
            files.append(ExportFile(path, campaign_id, channel, name, "list"))
    return files


def _write_folder(
    con: duckdb.DuckDBPyConnection,
    lists: Lists,
    campaigns: Campaigns,
    campaign_id: str,
    planned: list[ExportFile],
    settings: Settings,
    run_date: date,
    folder: Path,
    *,
    is_held: bool,
) -> list[ExportFile]:
    folder.mkdir(mode=settings.folder_mode)
    folder.chmod(settings.folder_mode)
    files = sorted(
        (part for file in planned for part in _write_file(con, campaigns, file, folder, settings, is_held=is_held)),
        key=lambda file: file.path,
    )
    campaign = next((c for c in campaigns.campaigns if c.id == campaign_id), None)
    left = _leaving_counts(con, campaign_id, is_held=is_held)
    manifest = campaign_manifest(lists, files, campaign, campaign_id, run_date, left, is_held=is_held)
    _write_json(folder / "manifest.json", manifest, settings.file_mode)
    return files


def _leaving_counts(con: duckdb.DuckDBPyConnection, campaign_id: str, *, is_held: bool) -> dict[str, dict[str, int]]:
    """How many leave the tools, by channel and target."""
    leaving = "list_kept WHERE must_leave AND" if is_held else "list_removal WHERE"
    counts: dict[str, dict[str, int]] = {}
    for channel, target, count in con.execute(
        f"SELECT channel, target, COUNT(*) FROM {leaving} campaign_id = $campaign GROUP BY ALL ORDER BY ALL",
        {"campaign": campaign_id},
    ).fetchall():
        counts.setdefault(channel, {})[target] = count
    return counts


def write_removals(
    con: duckdb.DuckDBPyConnection, campaigns: Campaigns, settings: Settings, folder: Path
) -> list[ExportFile]:
    """Write the removals of list_removal to a folder of their own, apart from any night's, with a manifest.json.

    They are of an erased person: the manifest also says what is to be done by hand in the tools.

    Args:
        con: has list_removal and list_entry (who else is on the lists), customer, customer_identity and customer_360.
        campaigns: the config, for the files' columns.
        settings: the modes of files and folders.
        folder: where to write; it must not exist.
    """
    writing = folder.with_name(f".{folder.name}.new")
    shutil.rmtree(writing, ignore_errors=True)
    writing.mkdir(mode=settings.folder_mode, parents=True)
    register_file_functions(con)
    files: list[ExportFile] = []
    by_hand: list[dict[str, str]] = []
    lists = con.execute("SELECT DISTINCT campaign_id, channel, target FROM list_removal ORDER BY ALL").fetchall()
    for campaign_id, channel, name in lists:
        target = export_target(name)
        if target.takes_removals:
            path = f"{campaign_id}/{channel}_removals.{name}.{target.format}"
            files += _write_file(
                con, campaigns, ExportFile(path, campaign_id, channel, name, "removals"), writing, settings
            )
        if target.removal in _BY_HAND:
            to_do = _BY_HAND[target.removal]
            by_hand.append({"campaign_id": campaign_id, "channel": channel, "target": name, "to_do": to_do})
    manifest = {"files": [asdict(file) for file in files], "by_hand": by_hand}
    _write_json(writing / "manifest.json", manifest, settings.file_mode)
    writing.rename(folder)
    return files


def _write_file(
    con: duckdb.DuckDBPyConnection,
    campaigns: Campaigns,
    file: ExportFile,
    folder: Path,
    settings: Settings,
    *,
    is_held: bool = False,
) -> list[ExportFile]:
    """Write one list, or its removals; returns each part with its path, rows, size and hash."""
    path, target = folder / file.path, export_target(file.target)
    path.parent.mkdir(exist_ok=True)
    path.parent.chmod(settings.folder_mode)
    channels = next((c.channels for c in campaigns.campaigns if c.id == file.campaign_id), [])
    fields = next((c.fields for c in channels if (c.channel, c.target) == (file.channel, file.target)), {})
    types = {name: str(kind) for name, kind, *_ in con.execute("DESCRIBE customer_360").fetchall()}
    content = ListFile(target, file.campaign_id, file.channel, file.kind, fields, types, file.sent_on, is_held)
    form = "FORMAT JSON" if target.format == "jsonl" else f"FORMAT CSV, HEADER, DELIMITER {literal(target.delimiter)}"
    con.execute(f"COPY ({list_query(content)}) TO {literal(str(path))} ({form})", content.parameters)
    lost = _no_countries(con, content)
    written: list[ExportFile] = []
    for part, rows in split_file(path, target.maximum_bytes, header=target.format == "csv"):
        part.chmod(settings.file_mode)
        with part.open("rb") as opened:
            digest = hashlib.file_digest(opened, "sha256").hexdigest()
        name, size = part.relative_to(folder).as_posix(), part.stat().st_size
        written.append(replace(file, path=name, rows=rows, bytes=size, sha256=digest, no_countries=lost))
    return written


def _no_countries(con: duckdb.DuckDBPyConnection, content: ListFile) -> dict[str, int]:
    """How many values of each column of countries were no country, and are not in the file."""
    query = country_losses_query(content)
    found = con.execute(query, content.parameters).fetchall() if query else []
    return {header: count for header, count in found if count}


def split_file(path: Path, limit: int | None, header: bool) -> Iterator[tuple[Path, int]]:
    """The parts of a file whose records are lines, and each part's number of records.

    Each part is below the limit and has the header. The file itself is the only part if it is small enough; else
    `<name>.part-001<suffix>` and so on replace it.

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


def _write_json(path: Path, content: dict[str, Any], mode: int) -> None:
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    path.chmod(mode)
