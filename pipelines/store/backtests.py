"""The backtests of a home: a file each, apart from the nights that show them."""

from datetime import date
from pathlib import Path

from pipelines.store.files import write_atomically
from pipelines.store.manifest import Backtest


class Backtests:
    """The backtests that are kept, by the night that each looked at."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def replace(self, backtest: Backtest) -> None:
        """Keep a backtest, in the place of an earlier one of the same night."""
        self._folder.mkdir(exist_ok=True, mode=0o700)
        write_atomically(self._folder / f"{backtest.run_date}.json", backtest.model_dump_json().encode())

    def latest_until(self, night: date) -> Backtest | None:
        """The latest backtest of a night up to `night`."""
        known = [path for path in self._paths() if path.stem <= f"{night}"]
        return Backtest.model_validate_json(known[-1].read_bytes()) if known else None

    def remove(self, before: date) -> None:
        """Forget the backtests of nights before one that is kept, but for the last, which that night may show."""
        for path in [path for path in self._paths() if path.stem < f"{before}"][:-1]:
            path.unlink()

    def _paths(self) -> list[Path]:
        return sorted(self._folder.glob("????-??-??.json"))
