"""The files of a feed in a landing folder, by the patterns of their names."""

from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import Path

from pipelines.errors import BadDataError
from pipelines.intake.mapping.config import Feed
from pipelines.intake.mapping.config_file import MappingFile

SUFFIXES = (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz", ".txt.gz", ".parquet")
# What programs leave beside a file: a hidden copy that is still being sent, the lock of an open workbook.
_LEFTOVER = (".", "~")


def feed_files(folder: Path, name: str, feed: Feed) -> list[Path]:
    """A feed's files, in the order of their paths in the folder: of several, the last one counts.

    Raises:
        BadDataError: A file that fits is of a form that no feed is read from.
    """
    found = [path for path in _files(folder) if _fits(path.relative_to(folder), feed.files)]
    for path in found:
        if not path.name.lower().endswith(SUFFIXES):
            raise BadDataError(
                f"{path}: feed {name} reads {', '.join(SUFFIXES)}. Deliver the file as one of these, or write a "
                "narrower pattern under files:"
            )
    return found


def mapped_files(folder: Path, source: str, mapping: MappingFile) -> list[Path]:
    """All files of which a source is made."""
    feeds = dict.fromkeys(part.feed for part in mapping.parts(source))
    return [path for name in feeds for path in feed_files(folder, name, mapping.model.feeds[name])]


def names_of_feeds(folder: Path, mapping: MappingFile | None) -> set[str]:
    """The names, in a landing folder, of all files that a mapping reads."""
    feeds: Iterable[Feed] = mapping.model.feeds.values() if mapping else ()
    return {
        str(path.relative_to(folder))
        for feed in feeds
        for path in _files(folder)
        if _fits(path.relative_to(folder), feed.files)
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
