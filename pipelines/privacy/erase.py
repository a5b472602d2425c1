"""Erasure: take a person out of a home, tell the tools that have them, and search the home for what is left.

No file of a home is changed in place. A file that names the person is written anew and takes the old one's place:
extracts under their own names, data files of the lake under new names, which the manifests then hold. Every step can be
repeated, so the same command finishes an erasure that was broken off.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256
from pathlib import Path

from pipelines.contracts import Contract, sources
from pipelines.errors import LoyaltyError
from pipelines.intake.erased import NOTHING, Rewritten, add_erased, blanked_rows, keep_blanked, read_erased
from pipelines.intake.landing import extract_files, unread_files
from pipelines.intake.mapping.config_file import read_mapping
from pipelines.intake.mapping.kept import kept_digests
from pipelines.intake.mapping.salt import id_of_email, read_salt
from pipelines.privacy.exports import count_in_campaign_files, redact_campaign_files
from pipelines.privacy.feeds import Edits, FeedFile, FeedReader, feed_files_of
from pipelines.privacy.lake_files import count_in_lake, rewrite_deliveries, rewrite_lake
from pipelines.privacy.person import Person, accounts, describe, exact_id
from pipelines.privacy.record import Erasure, keep_open, open_erasure, write_record
from pipelines.privacy.redact import persons_rows, redact_extract, redact_page
from pipelines.privacy.redact_feeds import redact_feed
from pipelines.privacy.removals import write_removals_of
from pipelines.privacy.verify import Find, verify_erasure, verify_feeds
from pipelines.publishing.warehouse import rebuild_warehouses
from pipelines.settings import Settings
from pipelines.store.home import mapping_path, quality_folder, removals_folder, reports_folder
from pipelines.store.lake import Lake
from pipelines.store.locks import exclusive_home_lock

# Text and Parquet, by whose names a file can be written anew; what is none of these is only searched.
_ENDING = re.compile(r"(?i)\.(?:csv|txt|tsv|dat|parquet)(?:\.gz)?$|(?:^|/)[^./]+$")

# What no search looks for; people are told, since "nothing found" is no more than what was looked for.
_NEVER_SOUGHT = (
    "a first name, family name or patronymic alone; a name of one word or of under 4 letters; given names without the "
    "family name; initials; a name or a number spelled in other letters, or with a misspelling; ids of under 6 "
    "characters (10 digits) outside columns of ids; pictures; Airflow's own logs"
)


@dataclass(frozen=True)
class Outcome:
    """What an erasure changed or would change, by file, and what the search found afterwards."""

    ids: list[str]
    changes: dict[str, int]
    shared: int
    removals: Path | None = None
    files_searched: int = 0
    found: tuple[Find, ...] = ()
    unsought: tuple[str, ...] = ()


def erase(
    customer: str,
    settings: Settings,
    *,
    dry_run: bool = False,
    discard_open: bool = False,
    not_searched: tuple[Path, ...] = (),
) -> Outcome:
    """Erase the person that a customer is, with all their accounts.

    Args:
        customer: the source's customer_id.
        settings: of the home.
        dry_run: say what would change, and change nothing.
        discard_open: an unfinished night has broken off and will be run again after the erasure.
        not_searched: folders that the search leaves out.

    Raises:
        LoyaltyError: nobody has this id; a night is open; another run works in the home; a mapping is missing.
    """
    if not settings.home.is_dir():
        raise LoyaltyError(f"{settings.home}: no such home")
    with exclusive_home_lock(settings.home):
        lake = Lake(settings.home)
        _check_mappings_are_known(lake)
        if not dry_run:
            _close_nights(lake, discard_open)
        return _erase(customer, lake, settings, dry_run=dry_run, not_searched=not_searched)


def _erase(customer: str, lake: Lake, settings: Settings, *, dry_run: bool, not_searched: tuple[Path, ...]) -> Outcome:
    reader, feeds = FeedReader(lake, settings), feed_files_of(settings, lake)
    erasure = _begin(_id_of(customer, lake, feeds), lake, settings, reader, feeds)
    erasure.changes = erasure.changes or _count(erasure.person, lake, settings, reader, feeds)
    if not erasure.changes:
        raise LoyaltyError(f"no customer {customer} in {settings.home}; nothing was changed")
    ids, changes = sorted(erasure.person.ids), erasure.changes
    if dry_run:
        return Outcome(ids, changes, erasure.shared)
    removals = _finish(erasure, lake, settings, reader, feeds)
    left_out = (*not_searched, removals_folder(settings.home))  # removals hold addresses until imported
    codes = {file.now: file.codes for file in feeds}
    files, found = verify_erasure(settings, erasure.person, left_out, codes)
    found += verify_feeds(feeds, erasure.person, reader)
    unsought = tuple(sorted(erasure.person.unsought))
    return Outcome(ids, changes, erasure.shared, removals, files, tuple(found), unsought)


def _id_of(customer: str, lake: Lake, feeds: list[FeedFile]) -> str:
    """The id that a customer has in the home: people know an e-mail, of which the mapping may make the id."""
    makes_ids = any(part.has_ids_of_email for file in feeds for part in file.people)
    made = id_of_email(read_salt(lake), customer) if "@" in customer and makes_ids else None
    return made or exact_id(customer)


def _check_mappings_are_known(lake: Lake) -> None:
    """Without the mapping by which a night read its files nobody can say whose their rows are."""
    now = read_mapping(lake.home)
    known = kept_digests(lake) | ({now.digest} if now else set())
    for night in lake.nights():
        for name in sources():
            info = lake.manifest(night).table(name).info
            if "id_rules" in info and not (info["mapping"] in known if "mapping" in info else now):
                raise LoyaltyError(
                    f"night {night} read {name} by a mapping that is not there any more, and without it nobody can say "
                    f"whose its rows are. Nothing was changed. Put it back as {mapping_path(lake.home)}."
                )


def _close_nights(lake: Lake, discard_open: bool) -> None:
    nights = lake.open_nights()
    if nights and not discard_open:
        raise LoyaltyError(
            f"night {', '.join(nights)} was begun and is not finished. Wait until it ends; if it broke off, run it "
            "again first, or discard it (--discard-night) and run it after the erasure."
        )
    if nights:
        lake.discard_open_nights()
    lake.remove_leftovers()  # a folder that comes back by this is redacted too
    lake.collect_garbage()


def _begin(customer: str, lake: Lake, settings: Settings, reader: FeedReader, feeds: list[FeedFile]) -> Erasure:
    """The erasure of this customer that was broken off, else a new one."""
    if known := open_erasure(lake, customer):
        return known
    ids = accounts(customer, lake)
    delivered = [
        row
        for path, contract in _extracts(settings, feeds)
        if contract.personal_columns
        for row in persons_rows(path, contract, Person(ids))
    ]
    delivered += [row for file in feeds for row in reader.values(file, Person(ids))]

    def of_others(forms: set[str]) -> set[str]:
        return set().union(*(reader.of_others(file, Person(ids), forms) for file in feeds))

    person, shared = describe(ids, lake, delivered, settings, of_others)
    person = replace(person, encodings=frozenset(file.dialect.encoding for file in feeds))
    nights = lake.nights()
    salt = read_erased(lake).salt
    token = sha256(f"{salt}:{nights}:{sorted(ids)}".encode()).hexdigest()[:8]
    return Erasure(f"{nights[-1] if nights else 'never'}.{token}", person, shared)


def _count(person: Person, lake: Lake, settings: Settings, reader: FeedReader, feeds: list[FeedFile]) -> dict[str, int]:
    """Rows to be changed or removed, by file."""
    found = {
        f"landing/{path.relative_to(settings.landing_dir)}": redact_extract(path, contract, person, None)
        for path, contract in _extracts(settings, feeds)
    }
    raw: dict[str, set[int]] = {}
    for file in feeds:  # a name may be there twice: read in two ways, or with its copy beside it
        edits = reader.edits(file, person)
        raw.setdefault(file.name, set()).update(edits.rows)
        found[f"landing/{file.name}"] = found.get(f"landing/{file.name}", 0) + edits.count
    found |= count_in_lake(person, lake, raw)
    found |= count_in_campaign_files(person, lake, settings)
    found |= {str(page.relative_to(settings.home)): redact_page(page, person, keep=False) for page in _pages(settings)}
    return {name: rows for name, rows in found.items() if rows}


def _finish(erasure: Erasure, lake: Lake, settings: Settings, reader: FeedReader, feeds: list[FeedFile]) -> Path | None:
    """Do what is left to do; returns the folder of the removals, if there are any."""
    person = erasure.person
    lake.erasures.mkdir(parents=True, exist_ok=True, mode=0o700)
    keep_open(lake, erasure)
    add_erased(lake, person.ids, person.cards)
    removals = removals_folder(settings.home) / erasure.request
    if not removals.exists():
        write_removals_of(person, lake, settings, removals)
    redact_campaign_files(person, lake, settings)
    rewrite_deliveries(person, lake)
    for path, contract in _extracts(settings, feeds):
        redact_extract(
            path, contract, person, partial(_keep, erasure, lake, f"{path.relative_to(settings.landing_dir)}")
        )
    for file in feeds:
        edits = reader.edits(file, person, to_keep=True)
        if edits.count:
            redact_feed(file, edits, person, partial(_keep, erasure, lake, file.name, edits=edits))
    rewrite_lake(erasure, lake)
    for page in _pages(settings):
        redact_page(page, person, keep=True)
    rebuild_warehouses(lake, erasure.request.split(".")[1], settings)
    lake.collect_garbage()
    write_record(lake, erasure)
    return removals if removals.exists() else None


def _keep(erasure: Erasure, lake: Lake, name: str, new: Rewritten, edits: Edits | None = None) -> None:
    """Save what a file of a landing folder is to become."""
    before = erasure.landing.get(name)
    if edits is not None:
        known = blanked_rows(lake)
        known[new.sha256] = known.get(new.old_sha256, NOTHING) | edits.blanked
        if before is not None and before.sha256 == new.old_sha256:
            known.pop(before.sha256, None)
        keep_blanked(lake, known)
        erasure.rows[name] = sorted({*erasure.rows.get(name, ()), *edits.rows})
    if before is not None and before.sha256 == new.old_sha256:  # read in two ways, it is written anew for each
        new = replace(new, old_sha256=before.old_sha256)
    erasure.landing[name] = new
    keep_open(lake, erasure)


def _extracts(settings: Settings, feeds: list[FeedFile]) -> list[tuple[Path, Contract]]:
    """All extracts of all landing folders, loaded or not, and what may be a source's though no night reads it.

    Without the files that a mapping reads.
    """
    mapped = {file.path for file in feeds}
    found = []
    for folder in sorted(path for path in settings.landing_dir.glob("*") if path.is_dir()):
        for name, contract in sources().items():
            found += [(path, contract) for path in extract_files(folder, name)]
        unread = [file for file in unread_files(folder, sources()) if file.source and _ENDING.search(file.name)]
        found += [(folder / file.name, sources()[file.source]) for file in unread if file.source]
    return [(path, contract) for path, contract in found if path.is_file() and path not in mapped]


def _pages(settings: Settings) -> list[Path]:
    """The pages of reports and of Data Docs, what lies beside them, and what people wrote to hold campaigns back."""
    folders = (reports_folder(settings.home), quality_folder(settings.home))
    deliveries = Lake(settings.home).deliveries.root
    held = [*deliveries.glob("*/hold"), *deliveries.glob("*/*/delivery.json")]
    paths = (path for found in (*(folder.rglob("*") for folder in folders), held) for path in sorted(found))
    return [path for path in paths if path.is_file() and not path.is_symlink()]


def summary(outcome: Outcome) -> Iterator[str]:
    """Lines about an erasure for people. They hold nothing personal but the ids."""
    folders: dict[str, list[int]] = {}
    for name, rows in outcome.changes.items():
        folders.setdefault(name.split("/")[0], []).append(rows)
    yield f"Accounts of the person: {', '.join(outcome.ids)}"
    for folder, counts in folders.items():
        yield f"  {folder}: {sum(counts):,} rows in {len(counts)} files"
    if outcome.shared:
        yield f"  {outcome.shared} of their addresses or names are another customer's too, and stay with them"
    if not outcome.files_searched:
        return
    if outcome.removals:
        yield f"Removals for the lists that they were on: {outcome.removals}"
        yield "  Its manifest.json says what is to be done by hand in the tools (by_hand)."
        yield "  They hold the addresses until the tools have imported them: then remove the folder."
    for find in outcome.found:
        yield f"STILL THERE: {find.path}: {find.what}"
    if not outcome.found:
        yield f"{outcome.files_searched:,} files searched, nothing of the person found (the removals were left out)."
    yield f"Not looked for: {'; '.join((*outcome.unsought, _NEVER_SOUGHT))}."
