"""A night that nobody will commit: it reads the home's nights, and writes into a folder elsewhere."""

from datetime import date
from pathlib import Path

from pipelines.store.lake import Lake, Night
from pipelines.store.stopped import StoppedSteps


class ScratchLake(Lake):
    """The lake of a home, for one who only looks: what was committed is the home's, what is written is in `folder`.

    Nothing in the home is locked, changed or removed, also while a night runs there.
    """

    def __init__(self, home: Path, folder: Path) -> None:
        super().__init__(home)
        self.elsewhere = (folder,)
        self._drafts, self._tables, self._temporary = (folder / name for name in ("drafts", "tables", "tmp"))
        self.mappings = folder / "mappings"
        self.stopped = StoppedSteps(folder / "stopped")
        if not self.mapping_salt.exists():  # who first asks for it makes it
            self.mapping_salt = folder / "mapping_salt"

    def relative(self, path: Path) -> str:
        """The whole path: joined to the lake's folder it stays what it is."""
        return str(path)

    def begin(self, night: date) -> Night:
        """Open a night on the home's last ones, as a run of it would.

        Raises:
            LoyaltyError: the night before it is no longer kept.
        """
        self._check_is_kept(night)
        return self._begin(night, "scratch", self.stale_nights())
