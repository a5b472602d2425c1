"""A new home for a retailer's own files: settings, the mapping, and the files in a night's landing folder."""

import codecs
import json
import os
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from zoneinfo import ZoneInfo

import yaml

from pipelines.errors import LoyaltyError
from pipelines.intake.inspection.draft import dialect_of, file_pattern, mapping_draft
from pipelines.intake.inspection.inspect import Inspection
from pipelines.intake.mapping.config_file import MappingFileError, read_mapping_file
from pipelines.intake.mapping.expressions import parse
from pipelines.intake.mapping.feed_files import SUFFIXES
from pipelines.intake.mapping.presets import Form, Preset, fitting_presets, rewritten, with_nearest
from pipelines.ops.business_date import read_date
from pipelines.settings import Settings
from pipelines.store.files import path_beside, write_atomically
from pipelines.store.home import lake_folder, landing_folder, mapping_path, night_folders, settings_path
from pipelines.yaml_lines import Fault

DRAFT = "draft"  # said in the place of a preset's name: begin with what the files look like


@dataclass(frozen=True)
class NewMapping:
    """The text of a mapping, and what was changed in the preset for these files."""

    text: str
    settings: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def check_is_new(settings: Settings) -> None:
    """Make sure that nobody works in a home yet.

    Raises:
        LoyaltyError: it has settings, a mapping or nights; nothing of them is ever replaced.
    """
    home = settings.home
    for path in (settings_path(home), mapping_path(home), lake_folder(home)):
        if path.exists() or path.is_symlink():
            raise LoyaltyError(
                f"{path} is there already: {home} is a home in use, and nothing was written. Change its files by hand, "
                "or give a new folder with --home."
            )


def check_files(files: Sequence[Path]) -> None:
    """Make sure that files are there and have names of their own that feeds read: they will lie in one folder.

    Raises:
        LoyaltyError: one is none, or no feed reads its like, or two have one name.
    """
    names: dict[str, Path] = {}
    for path in files:
        if not path.is_file():
            raise LoyaltyError(f"{path}: there is no such file")
        if path.name.startswith((".", "~")):
            raise LoyaltyError(f"{path}: hidden files are not read; give it another name")
        if not path.name.lower().endswith(SUFFIXES):
            raise LoyaltyError(f"{path}: feeds read {', '.join(SUFFIXES)}; save it as one of these, or rename it")
        if path.name.lower() in names:
            raise LoyaltyError(f"{names[path.name.lower()]} and {path} have one name; give one of them another")
        names[path.name.lower()] = path


def suggested(inspections: Sequence[Inspection]) -> list[Preset]:
    """The presets that all files fit by their headers."""
    return fitting_presets([inspection.table.names for inspection in inspections])


def check_fits(preset: Preset, inspections: Sequence[Inspection]) -> None:
    """Make sure that the files have the headers that a preset reads.

    Raises:
        LoyaltyError: a column is missing; the message has all, with the nearest, and says what fits instead.
    """
    lines = []
    for inspection in inspections:
        _, missing = preset.form_of(inspection.table.names)
        if missing:
            lines.append(f"{inspection.path} does not fit the preset {preset.name}. It lacks the column(s)")
            lines += with_nearest(missing, inspection.table.names)
    if lines:
        others = " or ".join(f"--preset {other.name}" for other in suggested(inspections))
        instead = f"They fit {others}." if others else f"No preset fits them; --preset {DRAFT} begins with a draft."
        raise LoyaltyError("\n".join([*lines, instead]))


def mapping_of(preset: Preset | None, inspections: Sequence[Inspection]) -> NewMapping:
    """The mapping for files: a preset's, with their names and how they are written, or a draft.

    Raises:
        LoyaltyError: files of one form are written in several ways.
    """
    if preset is None:
        return NewMapping(mapping_draft(inspections))
    patterns: dict[Form, list[str]] = {}
    dialects: dict[Form, dict[str, str]] = {}
    for inspection in inspections:
        form, _ = preset.form_of(inspection.table.names)
        fits = any(fnmatchcase(inspection.path.name.lower(), pattern.lower()) for pattern in form.feed.files)
        for pattern in form.feed.files if fits else [file_pattern(inspection.path.name)]:
            patterns[form] = [*dict.fromkeys([*patterns.get(form, []), pattern])]
        other = _other_dialect(form, inspection)
        if dialects.setdefault(form, other) != other:
            raise LoyaltyError(
                f"{inspection.path} is written otherwise than the files before it (here: {_listed(other)}; "
                f"there: {_listed(dialects[form])}). Begin with files of one kind."
            )
    notes = [f"dialect in mapping.yaml, as the files have it: {_listed(other)}" for other in dialects.values() if other]
    written = {form: _of_preset(form) | other for form, other in dialects.items() if other}
    return NewMapping(rewritten(preset, patterns, written), preset.settings, tuple(notes))


def _listed(dialect: Mapping[str, str]) -> str:
    return ", ".join(f"{key} {value}" for key, value in dialect.items()) or "as the preset has it"


def _of_preset(form: Form) -> dict[str, str]:
    """The fields of a form's dialect that its preset has, as YAML."""
    dialect = form.feed.dialect.model_dump(exclude_unset=True)
    return {key: json.dumps(value, ensure_ascii=False) for key, value in dialect.items()}


def _other_dialect(form: Form, inspection: Inspection) -> dict[str, str]:
    """What of a file is surely written otherwise than a preset has it, as YAML."""
    has, found = form.feed.dialect, dict(dialect_of(inspection))
    other = {key: found[key] for key in ("sheet", "header_row") if found.get(key, "1") != "1"}
    encoding, layout, dates = inspection.table.encoding, inspection.table.layout, inspection.dates
    if encoding and not encoding.doubt and _plain(encoding.name) != _plain(has.encoding):
        other["encoding"] = found["encoding"]
    if layout and layout.delimiter != form.feed.read_dialect().delimiter:
        other["delimiter"] = found["delimiter"]
    if inspection.marks.settled_by and inspection.marks.decimal not in (None, has.decimal_mark):
        other |= {key: found[key] for key in ("decimal_mark", "grouping_mark") if key in found}
    is_sure = dates.settled_by is not None or dates.order == "year_first" or has.date_order is None
    if dates.order and is_sure and dates.order != (has.date_order or "year_first"):
        other["date_order"] = dates.order
    return other


def _plain(encoding: str) -> str:
    """An encoding by one of its names; a mark at a file's beginning makes no difference, as it is skipped."""
    return codecs.lookup(encoding).name.removesuffix("-sig")


def faults_of(mapping: str, path: Path) -> list[Fault]:
    """What is wrong with the text of a mapping that is to be at a path."""
    with tempfile.TemporaryDirectory(prefix="loyalty-init-") as folder:
        draft = Path(folder) / path.name
        draft.write_text(mapping, encoding="utf-8")
        try:
            read_mapping_file(draft)
        except MappingFileError as error:
            return [replace(fault, path=path) for fault in error.faults]
    return []


def night_of_folder(files: Sequence[Path], settings: Settings) -> date | None:
    """The night in whose landing folder all files lie already, if they do.

    Raises:
        LoyaltyError: the folder is called like a night that can't be.
    """
    folders = {path.resolve().parent for path in files}
    nights = night_folders(settings.landing_dir)
    return next((read_date(night.name) for night in nights if {night.resolve()} == folders), None)


def newest_day(mapping: str, inspections: Sequence[Inspection], time_zone: str) -> date | None:
    """The business day of the last sale in files, by the columns that its date is made of; None if it is of none.

    Where times carry an offset, it may be a day late: never before the last sale.
    """
    rules = [part["columns"].get("issued_at", {}) for part in yaml.safe_load(mapping)["sources"].get("receipts", [])]
    headers = {rule["column"] for rule in rules if "column" in rule}
    for rule in rules:
        if "expression" in rule:
            headers.update(parse(rule["expression"]).headers)
    days = [
        inspection.dates.newest[column.position] + timedelta(days=_is_ahead(time_zone, inspection))
        for inspection in inspections
        for column in inspection.columns
        if column.name in headers and column.position in inspection.dates.newest
    ]
    return max(days, default=None)


def _is_ahead(time_zone: str, inspection: Inspection) -> bool:
    """Whether the business day may begin before the day that a file's times have."""
    zone = ZoneInfo(time_zone)
    days = [datetime.combine(day, datetime.min.time(), zone) for day in inspection.dates.newest.values()]
    ours = max((day.utcoffset() or timedelta() for day in days), default=timedelta())
    return any(ours > _offset(mark) for mark, _ in inspection.dates.offsets)


def _offset(mark: str) -> timedelta:
    digits = re.sub(r"\D", "", mark).ljust(4, "0")
    size = timedelta(hours=int(digits[:2]), minutes=int(digits[2:4]))
    return -size if mark.startswith("-") else size


def write_home(
    settings: Settings, values: Mapping[str, str], mapping: str, files: Sequence[Path], night: date
) -> list[Path]:
    """Write a home's settings and mapping, and copy files into a night's landing folder: all, or nothing.

    Args:
        settings: Of the home, which is new.
        values: The settings to write.
        mapping: The text of the mapping.
        files: Those that lie in the folder already stay as they are.
        night: The business date.

    Returns:
        What was written; readable by its owner alone.

    Raises:
        LoyaltyError: something is there already, or can't be written; nothing was.
    """
    folder = landing_folder(settings, night)
    copied = {path: folder / path.name for path in files if path.resolve().parent != folder.resolve()}
    if taken := [target for target in copied.values() if target.exists()]:
        raise LoyaltyError(f"{taken[0]} is there already; nothing was written. Move it away, or give another --date.")
    made: list[Path] = []
    lines = "".join(f"{name}={value}\n" for name, value in values.items())
    try:
        for parent in (*reversed(folder.parents), folder):
            if not parent.exists():
                parent.mkdir(mode=0o700)
                made.append(parent)
        made.extend(_copied(path, target) for path, target in copied.items())
        settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
        for path, text in ((mapping_path(settings.home), mapping), (settings_path(settings.home), lines)):
            write_atomically(path, text.encode())
            made.append(path)
    except OSError as error:
        for path in reversed(made):
            path.rmdir() if path.is_dir() else path.unlink()
        raise LoyaltyError(f"{error.filename}: {error.strerror}; nothing was written") from error
    return [path for path in made if not path.is_dir()]


def _copied(path: Path, target: Path) -> Path:
    """Copy a file whole, under a name that is not taken."""
    beside = path_beside(target)
    try:
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with path.open("rb") as source, os.fdopen(descriptor, "wb") as copy:
            shutil.copyfileobj(source, copy)
        os.link(beside, target)
    finally:
        beside.unlink(missing_ok=True)
    return target
