"""What came tonight for a source: files of its own, or a feed's files of which the mapping makes its rows."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from pipelines.contracts import Contract
from pipelines.engines.duckdb import DuckDBEngine
from pipelines.errors import BadDataError
from pipelines.intake.erased import Blanked, blanked_rows, read_erased
from pipelines.intake.extract import (
    ExtractFile,
    RejectedRecord,
    check_unchanged,
    inspect,
    name_in_landing,
)
from pipelines.intake.landing import check_landing, find_files
from pipelines.intake.mapping.compiler import Compiled, compile_part
from pipelines.intake.mapping.config_file import MappingFile, read_mapping
from pipelines.intake.mapping.feed_dialect import FeedDialect
from pipelines.intake.mapping.feed_files import feed_files, mapped_files, name_in_folder, names_of_feeds
from pipelines.intake.mapping.hidden import Hiding
from pipelines.intake.mapping.mapped import FileAndRow, Mapped, map_feed
from pipelines.intake.mapping.salt import add_id_of_email, read_salt, salt_digest
from pipelines.intake.mapping.tables import inspect_feed_file
from pipelines.settings import Settings
from pipelines.store.lake import Lake


@dataclass(frozen=True)
class Batch:
    """A file for the contract to judge; with what the mapping has of it already, if it made the file."""

    file: ExtractFile
    contract: Contract
    mapped: Mapped | None = None
    hide: Callable[[Sequence[FileAndRow]], list[FileAndRow]] = list

    def raw_rows(self, bad: Sequence[RejectedRecord]) -> list[FileAndRow]:
        """Rejected rows as they stand in the files that came, those of people who were erased without their values."""
        if self.mapped is None:
            return [(self.file, row) for row in bad]
        return self.hide([*self.mapped.raw_rows(bad), *self.mapped.rejected])


@dataclass(frozen=True)
class Delivery:
    """A source's files of a night.

    Attributes:
        files: As they lie in the landing folder.
        unknown_columns: Of files of its own, those that the contract doesn't know.
        read_by: What decides on how the files are read, beside the contract.
        id_rules: Of a mapped source, what decides on its key and ids, as a digest by part.
        mapping: Of a mapped source, the mapping.
    """

    contract: Contract
    files: tuple[ExtractFile, ...]
    unknown_columns: tuple[str, ...] = ()
    read_by: tuple[str, ...] = ()
    id_rules: Mapping[str, str] = field(default_factory=dict)
    mapping: MappingFile | None = None

    def batches(self, engine: DuckDBEngine, folder: Path) -> Iterator[Batch]:
        """The files to read, one after another; `folder` is for what is made on the way."""
        del engine, folder
        yield from (Batch(file, self.contract) for file in self.files)

    def check_unchanged(self) -> None:
        for file in self.files:
            check_unchanged(file)


@dataclass(frozen=True)
class MappedDelivery(Delivery):
    """A source's files by the mapping: `parts` are its SELECTs, each with its feed's files.

    `blanked` are the rows in which erasures blanked somebody, by the SHA-256 of their file.
    """

    parts: tuple[tuple[Compiled, FeedDialect, tuple[ExtractFile, ...]], ...] = ()
    salt: str | None = None
    blanked: Mapping[str, Blanked] = field(default_factory=dict)
    hiding: Hiding | None = None

    def batches(self, engine: DuckDBEngine, folder: Path) -> Iterator[Batch]:
        if self.salt is not None:
            add_id_of_email(engine.connection, self.salt)
        for number, (compiled, dialect, files) in enumerate(self.parts):
            if files:
                target = folder / f"mapped{number:03d}.parquet"
                mapped = map_feed(compiled, self.contract, dialect, files, engine, target, self.blanked)
                yield Batch(mapped.made, mapped.contract, mapped, self._hide(mapped, dialect, engine))

    def _hide(
        self, mapped: Mapped, dialect: FeedDialect, engine: DuckDBEngine
    ) -> Callable[[Sequence[FileAndRow]], list[FileAndRow]]:
        if self.hiding is None:
            return list
        return partial(self.hiding.without_values, texts=mapped.texts, dialect=dialect, engine=engine)


def delivery_of(contract: Contract, folder: Path, settings: Settings, lake: Lake) -> Delivery:
    """What came for a source.

    Raises:
        BadDataError: A file can't be read, or breaks the contract as a whole.
        MappingFileError: The mapping has a fault.
    """
    mapping = read_mapping(settings.home)
    if mapping is None or not mapping.parts(contract.name):
        files = tuple(inspect(path, contract) for path in find_files(folder, contract.name))
        known = {column.name for column in contract.columns} | {"currency", ""}
        unknown = sorted({name for file in files for name in file.columns} - known)
        return Delivery(contract, files, tuple(unknown))
    _check_has_no_files_of_its_own(contract, folder, mapping)
    blanked = blanked_rows(lake)
    parts, plain = [], []
    for part in mapping.parts(contract.name):
        feed = mapping.model.feeds[part.feed]
        dialect = feed.read_dialect()
        paths = feed_files(folder, part.feed, feed)
        found = [inspect_feed_file(path, name_in_folder(path, folder), dialect) for path in paths]
        plain.append(compile_part(contract, part, feed))
        is_after = any(file.sha256 in blanked for file in found)
        compiled = compile_part(contract, part, feed, after_erasure=True) if is_after else plain[-1]
        parts.append((compiled, dialect, tuple(found)))
    files = tuple({file.name: file for *_, found in parts for file in found}.values())
    salt = read_salt(lake) if any(compiled.has_ids_of_email for compiled, *_ in parts) else None
    rules = _id_rules([compiled for compiled, *_ in parts], salt)
    return MappedDelivery(
        contract,
        files,
        read_by=(
            *(text for one, (_, dialect, _) in zip(plain, parts, strict=True) for text in _read_by(one, dialect)),
            repr(rules),
        ),
        id_rules=rules,
        mapping=mapping,
        parts=tuple(parts),
        salt=salt,
        blanked=blanked,
        hiding=Hiding(read_erased(lake), mapping, read_salt(lake) if lake.mapping_salt.exists() else None),
    )


def _read_by(compiled: Compiled, dialect: FeedDialect) -> tuple[str, ...]:
    return (compiled.text, *compiled.macros, repr(dialect))


def _id_rules(parts: Sequence[Compiled], salt: str | None) -> dict[str, str]:
    """What decides on a source's key and ids, by its parts: each is called by its feed, and its number among those."""
    rules = {} if salt is None else {"salt": salt_digest(salt)}
    for number, part in enumerate(parts):
        before = sum(other.feed == part.feed for other in parts[:number])
        rules[f"{part.feed} {before + 1}"] = hashlib.sha256(part.id_rule.encode()).hexdigest()[:16]
    return rules


def _check_has_no_files_of_its_own(contract: Contract, folder: Path, mapping: MappingFile) -> None:
    """A file that has a source's own name beside a mapping of the source: which of both counts?"""
    own = set(find_files(folder, contract.name)) - set(mapped_files(folder, contract.name, mapping))
    if own:
        raise BadDataError(
            f"{sorted(own)[0]}: {contract.name} is made of feeds by {mapping.path}, so this file would not be read. "
            f"Move it away, or take {contract.name} out of the mapping."
        )


def names_in_folder(source: str, folder: Path, settings: Settings) -> dict[str, Path]:
    """The files that are read for a source, by how a manifest names them."""
    mapping = read_mapping(settings.home)
    if mapping is None or not mapping.parts(source):
        return {name_in_landing(path, source): path for path in find_files(folder, source)}
    return {name_in_folder(path, folder): path for path in mapped_files(folder, source, mapping)}


def check_id_rules(contract: Contract, rules: Mapping[str, str], earlier: Mapping[str, Any]) -> None:
    """Make sure that the parts of a mapping make keys and ids as they did the night before; parts may come and go.

    Raises:
        BadDataError: One does not: the same receipt or customer would be another one from tonight on.
    """
    before = earlier.get("id_rules", {})
    changed = sorted(name for name in rules.keys() & before.keys() if rules[name] != before[name])
    if changed:
        raise BadDataError(
            f"mapping.yaml: the key or the ids of {contract.name} are made otherwise than the night before ("
            f"{', '.join(changed)}: its key, customer_id, card_id or group_by, or the home's salt), so the same "
            "receipt or customer would count twice. Put the mapping back as it was, or load all nights into a new home."
        )


def is_there(source: str, folder: Path, settings: Settings) -> bool:
    """Whether anything came for a source.

    Raises:
        BadDataError: it is there twice, or in a form that is not read.
    """
    return bool(names_in_folder(source, folder, settings))


def due_sources(contracts: Iterable[Contract], settings: Settings) -> list[str]:
    """The sources without which no night begins: by the mapping, or by the contracts of a home without one."""
    mapping = read_mapping(settings.home)
    return [c.name for c in contracts if (mapping.is_due(c.name) if mapping else c.required)]


def check_deliveries(folder: Path, contracts: Iterable[Contract], settings: Settings) -> None:
    """Stop the night before it begins if what must come is missing, or the mapping has a fault.

    Raises:
        BadDataError: The folder or sources that are due are missing; the message names them all.
        MappingFileError: The mapping has a fault.
    """
    mapping = read_mapping(settings.home)
    if mapping is None:
        check_landing(folder, contracts)
        return
    check_landing(folder, ())
    missing = []
    for name in due_sources(contracts, settings):
        if not is_there(name, folder, settings):
            patterns = [pattern for part in mapping.parts(name) for pattern in mapping.model.feeds[part.feed].files]
            missing.append(
                f"{folder}: {name} is to come every night (every_night in {mapping.path}) and is missing. Deliver "
                f"{' or '.join(patterns) or f'{name}.csv'}, then run again."
            )
    if missing:
        raise BadDataError("\n".join(missing))


def names_read(folder: Path, settings: Settings) -> set[str]:
    """The names of a landing folder's files that a mapping reads."""
    return names_of_feeds(folder, read_mapping(settings.home))


def patterns_read(settings: Settings) -> list[str]:
    """The patterns of the files that a mapping reads; none of a home without one."""
    mapping = read_mapping(settings.home)
    return [pattern for feed in mapping.model.feeds.values() for pattern in feed.files] if mapping else []
