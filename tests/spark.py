"""Whether tests can run on Spark here: it needs Java 17 and PySpark."""

import importlib.util
import os
import shutil
import subprocess

import pytest

# Tests have a few rows in each of very many tables: compiling costs more than it ever saves.
os.environ.setdefault("JDK_JAVA_OPTIONS", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC")


def why_no_spark() -> str | None:
    """What is missing, in words; None if nothing is."""
    if importlib.util.find_spec("pyspark") is None:
        return "no PySpark"
    java = shutil.which("java")
    if java is None:
        return "no Java 17"
    version = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    return None if '"17' in version else "another Java than 17"


needs_spark = pytest.mark.skipif(why_no_spark() is not None, reason=f"{why_no_spark()}")
