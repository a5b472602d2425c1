"""The engine that the settings name."""

import os
import shutil

from pipelines.engines.base import Engine
from pipelines.engines.duckdb import DuckDBEngine
from pipelines.errors import LoyaltyError
from pipelines.settings import Settings
from pipelines.store.lake import Night


def sql_engine(night: Night, settings: Settings) -> Engine:
    """The engine that the settings name for facts, marts and segments.

    Raises:
        LoyaltyError: Spark is wanted and not installed, or Java is missing.
    """
    if settings.engine == "duckdb":
        return DuckDBEngine(night, settings)
    if shutil.which("java") is None and "JAVA_HOME" not in os.environ:
        raise LoyaltyError("LOYALTY_ENGINE=spark needs Java 17 (Debian: openjdk-17-jre-headless); install it")
    try:
        from pipelines.engines.spark import SparkEngine
    except ImportError as error:
        raise LoyaltyError("LOYALTY_ENGINE=spark needs PySpark: pip install 'pyspark[connect]==4.3.0'") from error
    return SparkEngine(night, settings)
