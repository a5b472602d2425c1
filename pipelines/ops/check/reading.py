"""A landing folder, read and judged by the night's own steps into a temporary folder."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date
from functools import cached_property
from pathlib import Path

from pipelines.catalog import GATE, tables
from pipelines.contracts import sources
from pipelines.engines.duckdb import DuckDBEngine
from pipelines.errors import BadDataError, LoyaltyError
from pipelines.intake.batch_profile import tonight_rows
from pipelines.intake.batch_validation import Judged, in_words, judge_batches
from pipelines.intake.deliveries import check_deliveries
from pipelines.intake.mapping.config_file import MappingFileError
from pipelines.intake.regular_files import check_regular_files
from pipelines.intake.stage import Counts, stage_source
from pipelines.ops.nightly import check_settings
from pipelines.ops.terminal import temporary_folder
from pipelines.settings import Settings
from pipelines.store.home import landing_folder
from pipelines.store.lake import Night
from pipelines.store.manifest import TableState
from pipelines.store.scratch import ScratchLake
from pipelines.tables.inputs import register_inputs


@dataclass(frozen=True)
class Reading:
    """What the night of a date would find in its landing folder.

    Attributes:
        settings: The home's.
        night: It has the sources' tables and rejected rows, in a folder that goes again.
        engine: To ask them.
        judged: The batches; None if they can't be judged.
        unreadable: Sources whose files can't be read.
        stops: What would stop the night, in its own words.
    """

    settings: Settings
    night: Night
    engine: DuckDBEngine
    judged: Judged | None
    unreadable: frozenset[str]
    stops: tuple[str, ...]

    @property
    def run_date(self) -> date:
        return self.night.run_date

    @property
    def folder(self) -> Path:
        return landing_folder(self.settings, self.run_date)

    @cached_property
    def came(self) -> list[str]:
        """The sources that came and can be read."""
        return [name for name in sources() if name not in self.unreadable and self.info(name)["is_present"]]

    def info(self, source: str) -> dict[str, object]:
        """What the manifest would say of a source's extract."""
        return self.night.table(source).info

    def counts(self, source: str) -> Counts:
        return Counts(**self.info(source)["counts"])  # type: ignore[arg-type]

    def rows(self, source: str) -> str | None:
        """What to write after FROM to read a source's good rows of tonight; None if there are none."""
        return None if source in self.unreadable else tonight_rows(source, self.night, self.engine)

    def rejected(self, source: str) -> str | None:
        """What to write after FROM to read a source's rejected rows; None if there are none.

        A source that can't be read has some if there were too many of them.
        """
        files = [file for file in self.night.table(f"rejected_{source}").data_files if file.rows]
        return self.engine.scan_files(files) if files else None


@contextmanager
def read_landing(settings: Settings, day: date) -> Iterator[Reading]:
    """Read a landing folder as the night of its date would; all that is written goes when the block ends."""
    stops, can_read = _before_reading(settings, day)
    with temporary_folder("loyalty-check-") as folder:
        night = ScratchLake(settings.home, folder).begin(day)
        with DuckDBEngine(night, settings) as engine:
            faults = _read_sources(night, engine, settings) if can_read else dict.fromkeys(sources(), "")
            known = night.tables()
            for name in faults:
                night.add(name, _nothing_of(name))
                night.add(f"rejected_{name}", known.get(f"rejected_{name}", TableState()))
            judged, more = _judged(engine, night, settings, faults) if can_read else (None, [])
            found = [text for text in (*stops, *faults.values(), *more) if text]
            yield Reading(settings, night, engine, judged, frozenset(faults), tuple(dict.fromkeys(found)))


def _read_sources(night: Night, engine: DuckDBEngine, settings: Settings) -> dict[str, str]:
    """Stage every source; why it can't be read, by source, of those that can't."""
    faults = {}
    for name, contract in sources().items():
        try:
            for made, state in stage_source(contract, night, engine, settings).items():
                night.add(made, state)
        except LoyaltyError as error:
            faults[name] = f"{error}"
    return faults


def _before_reading(settings: Settings, day: date) -> tuple[list[str], bool]:
    """What stops the night before it reads a file, and whether there is something to read nevertheless."""
    folder, stops = landing_folder(settings, day), []
    try:
        check_settings(settings)
    except LoyaltyError as error:
        stops.append(f"{error}")
    try:
        check_regular_files(folder)
    except BadDataError as error:
        return [*stops, f"{error}"], False
    try:
        check_deliveries(folder, sources().values(), settings)
    except MappingFileError as error:
        return [*stops, *f"{error}".splitlines()], False
    except BadDataError as error:
        stops += f"{error}".splitlines()
    return stops, folder.is_dir()


def _nothing_of(source: str) -> TableState:
    """The state of a source of which nothing can be read."""
    nothing = {"is_present": False, "counts": asdict(Counts()), "files": [], "load": sources()[source].load}
    return TableState(info=nothing)


def _judged(
    engine: DuckDBEngine, night: Night, settings: Settings, unreadable: Collection[str]
) -> tuple[Judged | None, list[str]]:
    """The batches as they are judged, and the words of what stops the night."""
    register_inputs(engine, night, settings, tables()[GATE])
    try:
        judged = judge_batches(engine, night, settings, None, unreadable)
    except BadDataError as error:
        return None, [f"{error}"]
    return judged, [in_words(row) for row in judged.stops()]
