"""The landing folder of a night: which files are a source's, what nobody reads, and whether the night can begin."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipelines.contracts import Contract
from pipelines.errors import BadDataError
from pipelines.intake.nearest import nearest

# How a source's file may end, in capitals or not; the contract's dialect says the rest.
SUFFIXES = (".csv", ".csv.gz", ".parquet")
# What programs leave beside a file: a hidden copy that is still being sent, the lock of an open workbook.
_LEFTOVER = (".", "~")
# Endings of files that nobody reads and that may well hold rows: another format, a packed or an unfinished file.
_MAY_HOLD_ROWS = (".txt", ".tsv", ".dat", ".json", ".jsonl", ".xml", ".xls", ".xlsx", ".ods", ".orc", ".avro")
_NAMED = 5  # patterns or files that a sentence names
_PACKED = (".gz", ".zip", ".bz2", ".xz", ".zst", ".7z", ".rar", ".tar", ".tgz")


@dataclass(frozen=True)
class UnreadFile:
    """A file, or an entry that is none, in a landing folder that no night reads.

    `name` is the path within the landing folder. `source` is whose rows it may be, by its folder or name (None: no
    source's). `holds_rows` says whether it looks like a file of rows rather than what a program left behind. `advice`
    is what to do to have it read.
    """

    name: str
    source: str | None
    size: int
    holds_rows: bool
    advice: str


def suffix_of(path: Path) -> str | None:
    """The suffix by which a file is read as an extract, in lower case; None if it is not read."""
    if path.name.startswith(_LEFTOVER):
        return None
    return next((suffix for suffix in SUFFIXES if path.name.lower().endswith(suffix)), None)


def extract_files(folder: Path, source: str) -> list[Path]:
    """All files in a landing folder that are read as a source's, whole ones and parts; capitals make no difference."""
    names = {f"{source}{suffix}" for suffix in SUFFIXES}
    entries = sorted(folder.iterdir()) if folder.is_dir() else []
    whole = [path for path in entries if path.name.lower() in names and path.is_file()]
    parts = [part for path in entries if _is_folder_of(path, source) for part in sorted(path.iterdir())]
    return whole + [path for path in parts if suffix_of(path) and path.is_file()]


def _is_folder_of(path: Path, source: str) -> bool:
    return path.name.lower() == source and path.is_dir()


def find_files(folder: Path, source: str) -> list[Path]:
    """A source's files in a landing folder, in order; empty if it did not come.

    Raises:
        BadDataError: The source is there twice (say, as .csv and as .parquet), or its folder holds no file of it.
    """
    files = extract_files(folder, source)
    whole = [path for path in files if path.parent == folder]
    folders = [path for path in sorted(folder.iterdir()) if _is_folder_of(path, source)] if folder.is_dir() else []
    if len(found := whole + folders) > 1:
        names = " and ".join(path.name for path in found)
        raise BadDataError(f"{folder}: {source} is there more than once, as {names}. Leave the one that counts.")
    if folders and not files:
        raise BadDataError(f"{folders[0]}: the folder holds no part ending in {', '.join(SUFFIXES)}")
    return files


def unread_files(
    folder: Path, sources: Collection[str], known: Iterable[str] = (), patterns: Sequence[str] = ()
) -> list[UnreadFile]:
    """What a landing folder holds that is read as no source's extract, in the order of its names.

    Args:
        folder: The landing folder; one that is not there holds nothing.
        sources: The names of all sources.
        known: Names of files that others read: control totals, the marker of a complete folder.
        patterns: Of the files that the feeds of a mapping read, to be named where a file fits none.
    """
    if not folder.is_dir():
        return []
    read = {path for source in sources for path in extract_files(folder, source)}
    others = [path for path in _entries(folder) if path not in read and str(path.relative_to(folder)) not in known]
    return [_unread(path, folder, sources, patterns) for path in others]


def _entries(folder: Path, *, is_top: bool = True) -> Iterator[Path]:
    """All that is in a folder and in the folders within, but for those folders; an empty one stands for itself."""
    for path in sorted(folder.iterdir()):
        if path.is_dir() and (is_top or not path.is_symlink()):  # further down, a link may lead round in a circle
            inside = list(_entries(path, is_top=False))
            yield from inside or [path]
        else:
            yield path


def _unread(path: Path, folder: Path, sources: Collection[str], patterns: Sequence[str]) -> UnreadFile:
    inside = path.relative_to(folder)
    is_file = path.is_file()
    source = _source_of(inside.parts[0].lower(), sources)
    is_leftover = any(part.startswith(_LEFTOVER) for part in inside.parts)
    rows = any(end in path.name.lower() for end in (*SUFFIXES, *_MAY_HOLD_ROWS)) or path.name.lower().endswith(_PACKED)
    # A hidden file of rows is one that is still being sent, or never was to its end.
    holds_rows = is_file and rows and not path.name.startswith("~")
    if not is_file:
        advice = "no file; remove it"
    elif is_leftover:
        advice = "hidden or left by a program; rename it if it holds rows, else remove it"
    elif patterns and not source:
        advice = f"neither a source's name nor a feed's ({', '.join(patterns[:_NAMED])}); rename it, or move it away"
    elif suffix_of(path) and len(inside.parts) > 1:
        where = f"{source}/" if source and inside.parts[0].lower() == source else "a source's own folder"
        advice = f"folders within are not read; move it into {where}"
    elif source:
        advice = f"a part is read as {source}/<name> with one of {', '.join(SUFFIXES)}; rename it, or move it away"
    else:
        near = nearest(path.name.split(".")[0], sources)
        advice = f"no source has this name{f' (the nearest is {near})' if near else ''}; rename it, or move it away"
    return UnreadFile(str(inside), source, path.lstat().st_size if is_file else 0, holds_rows, advice)


def _source_of(name: str, sources: Collection[str]) -> str | None:
    """The source whose name a file's or folder's name begins with: receipts-2.csv is of receipts, .receipts.csv too."""
    bare = name.lstrip("".join((*_LEFTOVER, "$")))
    fitting = [s for s in sources if bare.startswith(s) and not bare[len(s) : len(s) + 1].isalpha()]
    return max(fitting, key=len, default=None)


def check_landing(folder: Path, contracts: Iterable[Contract]) -> None:
    """Stop the night before it begins if required extracts are missing, of a home without a mapping.

    Raises:
        BadDataError: The folder or required sources are missing; the message names them all.
    """
    if not folder.is_dir():
        raise BadDataError(f"{folder}: no such landing folder. Deliver the night's extracts there, then run again.")
    contracts = tuple(contracts)
    missing = []
    for contract in contracts:
        if contract.required and not find_files(folder, contract.name):
            near = _unread_like(folder, contract.name, [other.name for other in contracts])
            missing.append(
                f"{folder}: the required source {contract.name} is missing. Deliver {contract.name}.csv, .csv.gz or "
                ".parquet (a header without rows will do), then run again."
                + (f" There, but not read: {', '.join(near[:_NAMED])}." if near else "")
            )
    if missing:
        raise BadDataError("\n".join(missing))


def _unread_like(folder: Path, source: str, sources: Collection[str]) -> list[str]:
    """The names of unread files that may be a source's: those that begin with its name, else the one most like it."""
    unread = unread_files(folder, sources)
    if begin_so := [file.name for file in unread if file.source == source]:
        return begin_so
    by_stem = {Path(file.name).parts[0].split(".")[0]: file.name for file in unread}
    near = nearest(source, by_stem)
    return [by_stem[near]] if near else []
