"""Write a table in its contract's columns and types, and check it against the contract."""

from pipelines.catalog import parsed
from pipelines.contracts import Contract, contract_path
from pipelines.engines.base import Engine
from pipelines.engines.sql import identifier
from pipelines.errors import LoyaltyError
from pipelines.store.manifest import DataFile
from pipelines.tables.inputs import contract_of


def write_table(name: str, select: str, engine: Engine) -> tuple[DataFile, ...]:
    """The new data files of a table, in its contract's columns, order and types.

    Raises:
        LoyaltyError: The table breaks its contract.
    """
    contract = contract_of(name)
    columns = ", ".join(f"CAST({identifier(c.name)} AS {c.type}) AS {identifier(c.name)}" for c in contract.columns)
    written = engine.write(f"SELECT {columns} FROM ({select}\n) AS made", name)
    check_table(contract, engine.scan_files(written), engine, groups_by_key=_groups_by_key(select, contract.key))
    return written


def _groups_by_key(select: str, key: tuple[str, ...]) -> bool:
    """Whether a SELECT gives each key once because it groups by columns of the key."""
    tree = parsed(select)
    group = tree.args.get("group")
    grouped = group.expressions if group else []
    return bool(grouped) and all(
        any(column.unalias() == by and column.alias_or_name in key for column in tree.selects) for by in grouped
    )


def check_table(contract: Contract, rows: str, engine: Engine, *, groups_by_key: bool = False) -> None:
    """Check a made table against its contract: rules, required columns, one row for each key.

    Args:
        contract: The table's contract.
        rows: What to write after FROM to read the table.
        engine: To read it.
        groups_by_key: The table's SELECT groups by the key, so that it need not be counted.

    Raises:
        LoyaltyError: The table breaks the contract. The fault is in the code, or in an extract that the source's
            contract lets through.
    """
    rules = [f"COUNT(CASE WHEN NOT ({rule.condition}) THEN 1 END)" for rule in contract.rules]
    key = "" if groups_by_key else ", ".join(identifier(k) for k in contract.key)
    distinct = f"(SELECT COUNT(*) FROM (SELECT DISTINCT {key} FROM {rows}))" if key else "COUNT(*)"
    *broken, twice = engine.rows(f"SELECT {', '.join([*rules, f'COUNT(*) - {distinct}'])} FROM {rows}")[0]
    found = [f"{count:,} rows break {rule.name}" for rule, count in zip(contract.rules, broken, strict=True) if count]
    if twice:
        found.append(f"{twice:,} rows have a key ({', '.join(contract.key)}) that another has too")
    if found:
        raise LoyaltyError(
            f"table {contract.name}: {'; '.join(found)}. Nothing was published; see {contract_path(contract.name)}, "
            "and report it with the extracts that led to it."
        )
