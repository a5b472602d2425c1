"""What lies in a landing folder is files and folders: a reader of a pipe would wait for ever."""

from pathlib import Path

from pipelines.errors import BadDataError


def check_regular_files(folder: Path) -> None:
    """Refuse whatever is neither a file nor a folder, also in the folders of parts.

    Raises:
        BadDataError: there is a pipe, a socket, a device or a link to nothing.
    """
    if not folder.is_dir():
        return  # the check of the landing folder says so
    for entry in sorted(folder.iterdir()):
        for path in (entry, *(sorted(entry.rglob("*")) if entry.is_dir() else ())):
            if not (path.is_file() or path.is_dir()):
                raise BadDataError(
                    f"{path}: this is neither a file nor a folder (a pipe, a device, or a link to nothing). Deliver "
                    "the extract as a file, or remove it; then run again."
                )
