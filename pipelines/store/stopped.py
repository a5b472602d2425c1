"""What stopped a night: kept beside the manifests, as the next night discards drafts and people ask in the morning."""

from datetime import date
from pathlib import Path

from pydantic import BaseModel

from pipelines.store.files import write_atomically
from pipelines.store.manifest import TableState


class StoppedStep(BaseModel, frozen=True):
    """A step that bad data stopped, in a night that was not committed: why, and the rows rejected until then."""

    run_date: date
    step: str
    reason: str
    tables: dict[str, TableState]


class StoppedSteps:
    """The stopped steps of a home, a file each."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def steps(self, night: date | None = None) -> list[StoppedStep]:
        """Steps that bad data stopped, of one night or of all; none of a night that was committed since."""
        paths = sorted(self._folder.glob(f"{night or '????-??-??'}.*.json"))
        return [StoppedStep.model_validate_json(path.read_bytes()) for path in paths]

    def replace(self, stopped: StoppedStep) -> None:
        """Keep why a step stopped and the rows rejected until then, in the place of what was kept of it before."""
        self._folder.mkdir(exist_ok=True, mode=0o700)
        write_atomically(self._path(stopped), stopped.model_dump_json().encode())

    def forget(self, night: date, step: str = "*") -> None:
        """Forget what stopped a night, or one step of it: it begins anew, or is through."""
        for path in self._folder.glob(f"{night}.{step}.json"):
            path.unlink()

    def remove(self, before: date) -> None:
        """Forget what stopped the nights before one; garbage collection then removes their rejected rows."""
        for stopped in self.steps():
            if stopped.run_date < before:
                self._path(stopped).unlink()

    def _path(self, stopped: StoppedStep) -> Path:
        return self._folder / f"{stopped.run_date}.{stopped.step}.json"
