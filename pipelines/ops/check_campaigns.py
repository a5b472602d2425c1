"""The check of campaign files in `make lint`: silent if all that are named are valid."""

import sys
from pathlib import Path

from pipelines.campaigns.config_file import read_campaigns


def problems(paths: list[Path]) -> list[str]:
    """What is wrong with campaign files, each with file, line, campaign and field; empty if nothing is."""
    return [str(fault) for path in paths for fault in read_campaigns(path).faults]


if __name__ == "__main__":
    sys.exit("\n".join(problems([Path(name) for name in sys.argv[1:]])) or None)
