"""Mappings as they were: an erasure reads old files as they were read, whatever the mapping says now."""

from pipelines.intake.mapping.config_file import MappingFile, read_mapping, read_mapping_file
from pipelines.store.files import write_atomically
from pipelines.store.lake import Lake


def keep_mapping(lake: Lake, mapping: MappingFile) -> None:
    """Keep a mapping by which a night reads files."""
    path = lake.mappings / f"{mapping.digest}.yaml"
    if not path.exists():
        lake.mappings.mkdir(exist_ok=True, mode=0o700)
        write_atomically(path, mapping.raw)


def kept_digests(lake: Lake) -> set[str]:
    """The mappings that are kept, as the manifests of nights call them."""
    return {path.stem for path in lake.mappings.glob("*.yaml")}


def known_mappings(lake: Lake) -> list[MappingFile]:
    """The home's mapping as it is now, if there is one, and all by which nights read files.

    Raises:
        MappingFileError: one has a fault, perhaps since a contract changed.
    """
    now = read_mapping(lake.home)
    kept = sorted(lake.mappings.glob("*.yaml"))
    then = [read_mapping_file(path) for path in kept if now is None or path.stem != now.digest]
    return [now, *then] if now else then
