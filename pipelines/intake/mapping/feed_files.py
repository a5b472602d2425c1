"""The files of a feed in a landing folder, by the patterns of their names."""

from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import Path

from pipelines.errors import BadDataError
from pipelines.intake.mapping.config import Feed
from pipelines.intake.mapping.config_file import MappingFile
from pipelines.intake.mapping.copies import JSON, WORKBOOKS, is_copy, received

SUFFIXES = (*(".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz", ".txt.gz", ".parquet"), *WORKBOOKS, *JSON)
# What programs leave beside a file: a hidden copy that is still being sent, the lock of an open workbook.
_LEFTOVER = (".", "~")


def feed_files(folder: Path, name: str, feed: Feed) -> list[Path]:
    """A feed's files, in the order of their paths in the folder: of several, the last one counts.

    Raises:
        BadDataError: A file that fits is of a form that no feed is read from.
    """
    for path in _files(folder):
        if _fits(received(path).relative_to(folder), feed.files) and not _is_readable(path):
            raise BadDataError(
                f"{path}: feed {name} reads {', '.join(SUFFIXES)}. Deliver the file as one of these, or write a "
                "narrower pattern under files:"
            )
    found = fitting_files(folder, feed)
    for path in found:
        if is_copy(path) and received(path) in found:
            raise BadDataError(
                f"{path}: stands for {received(path).name} since an erasure, and that is there, too. Run the erasure "
                "again if it broke off; else leave the one that counts."
            )
    return found


def fitting_files(folder: Path, feed: Feed) -> list[Path]:
    """A feed's files of a form that can be read, in the order of their paths."""
    found = (path for path in _files(folder) if _fits(received(path).relative_to(folder), feed.files))
    return sorted(filter(_is_readable, found), key=received)


def name_in_folder(path: Path, folder: Path) -> str:
    """What a manifest calls a feed's file: its path in the landing folder as it was received."""
    return str(received(path).relative_to(folder))


def _is_readable(path: Path) -> bool:
    return received(path).name.lower().endswith(SUFFIXES)


def mapped_files(folder: Path, source: str, mapping: MappingFile) -> list[Path]:
    """All files of which a source is made."""
    feeds = dict.fromkeys(part.feed for part in mapping.parts(source))
    return [path for name in feeds for path in feed_files(folder, name, mapping.model.feeds[name])]


def feeds_of_file(name: str, mapping: MappingFile) -> list[str]:
    """The feeds that read a file, by its path in the landing folder."""
    return [feed for feed, found in mapping.model.feeds.items() if _fits(Path(name), found.files)]


def names_of_feeds(folder: Path, mapping: MappingFile | None) -> set[str]:
    """The names, in a landing folder, of all files that a mapping reads."""
    feeds: Iterable[Feed] = mapping.model.feeds.values() if mapping else ()
    return {
        str(path.relative_to(folder))
        for feed in feeds
        for path in _files(folder)
        if _fits(received(path).relative_to(folder), feed.files)
    }


def _files(folder: Path) -> list[Path]:
    paths = sorted(folder.rglob("*")) if folder.is_dir() else []
    return [
        path
        for path in paths
        if path.is_file() and not any(part.startswith(_LEFTOVER) for part in path.relative_to(folder).parts)
    ]


def _fits(path: Path, patterns: Iterable[str]) -> bool:
    """Whether a path is of a pattern, folder by folder; capitals make no difference."""
    return any(
        len(path.parts) == len(steps)
        and all(fnmatchcase(part.lower(), step.lower()) for part, step in zip(path.parts, steps, strict=True))
        for steps in (pattern.split("/") for pattern in patterns)
    )
