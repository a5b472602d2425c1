"""A warehouse that stands alone: the published one with its views written out, for a host that has no lake."""

from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from pipelines.engines.sql import identifier, literal
from pipelines.errors import LoyaltyError
from pipelines.settings import Settings
from pipelines.store.files import path_beside, sync
from pipelines.store.home import warehouse_path


def write_portable(path: Path, settings: Settings) -> int:
    """Write all that is published, with its comments, as tables of one DuckDB file; returns how many tables.

    Raises:
        LoyaltyError: nothing is published yet, there already is such a file, or a view can't be read.
    """
    published = warehouse_path(settings.home)
    if not published.exists():
        raise LoyaltyError(f"{published}: there is no such warehouse. Run a night first.")
    if path.exists():
        raise LoyaltyError(f"{path} exists already; remove it, or give another name.")
    if not path.parent.is_dir():
        raise LoyaltyError(f"{path.parent}: there is no such folder.")
    building = path_beside(path)
    try:
        count = _copy(published, building, settings)
        building.chmod(settings.file_mode & 0o440)
        sync(building)
        building.rename(path)
    except duckdb.IOException as error:
        raise LoyaltyError(
            f"{error}. If the home was moved or copied, its next night writes a warehouse that can be read here."
        ) from error
    finally:
        building.unlink(missing_ok=True)
    return count


def _copy(published: Path, target: Path, settings: Settings) -> int:
    with TemporaryDirectory(prefix=".spill", dir=target.parent) as spill, duckdb.connect() as connection:
        connection.execute(f"SET memory_limit = {literal(settings.memory_limit)}")
        connection.execute(f"SET threads = {settings.threads}")
        connection.execute(f"SET temp_directory = {literal(spill)}")
        connection.execute("SET TimeZone = $zone", {"zone": settings.timezone})
        connection.execute(f"ATTACH {literal(str(published))} AS published (READ_ONLY)")
        connection.execute(f"ATTACH {literal(str(target))} AS portable")
        shown = connection.execute(
            "SELECT table_name, comment FROM duckdb_tables() WHERE database_name = 'published' "
            "UNION ALL SELECT view_name, comment FROM duckdb_views() "
            "WHERE database_name = 'published' AND NOT internal ORDER BY ALL"
        ).fetchall()
        for name, comment in shown:
            table = f"portable.{identifier(name)}"
            connection.execute(f"CREATE TABLE {table} AS FROM published.{identifier(name)}")
            connection.execute(f"COMMENT ON TABLE {table} IS {literal(comment)}")
        columns = connection.execute(
            "SELECT table_name, column_name, comment FROM duckdb_columns() "
            "WHERE database_name = 'published' AND comment IS NOT NULL"
        ).fetchall()
        for name, column, comment in columns:
            connection.execute(
                f"COMMENT ON COLUMN portable.{identifier(name)}.{identifier(column)} IS {literal(comment)}"
            )
        connection.execute("DETACH portable")
    return len(shown)
