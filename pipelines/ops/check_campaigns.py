"""The check of campaign files in `make lint`: silent if all that are named are valid."""

import sys
from pathlib import Path

from pipelines.campaigns.config_file import read_campaigns
from pipelines.errors import LoyaltyError


def problems(paths: list[Path]) -> list[str]:
    """What is wrong with campaign files, each with file, line, campaign and field; empty if nothing is."""
    found = []
    for path in paths:
        try:
            read_campaigns(path)
        except LoyaltyError as error:
            found.append(str(error))
    return found


if __name__ == "__main__":
    sys.exit("\n".join(problems([Path(name) for name in sys.argv[1:]])) or None)
