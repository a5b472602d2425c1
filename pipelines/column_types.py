"""The SQL types that a contract's columns may have, and which of them holds all values of another."""

import re

COLUMN_TYPE = re.compile(
    r"VARCHAR|BLOB|BOOLEAN|DATE|TIMESTAMP WITH TIME ZONE|INTEGER|BIGINT|DOUBLE|DECIMAL\(\d+, ?\d+\)"
)

_WHOLE = ("INTEGER", "BIGINT")  # types of whole numbers, the narrower first


def holds_all_of(own: str, project: str) -> bool:
    """Whether a type is the project's, or a wider one of the same kind."""
    if own in _WHOLE and project in _WHOLE:
        return _WHOLE.index(own) >= _WHOLE.index(project)
    decimals = [re.fullmatch(r"DECIMAL\((\d+),\s*(\d+)\)", name) for name in (own, project)]
    if all(decimals):
        (digits, scale), (least_digits, least_scale) = (tuple(map(int, found.groups())) for found in decimals if found)
        return scale >= least_scale and digits - scale >= least_digits - least_scale
    return own == project
