"""Which Java there is: Spark needs 17."""

import shutil
import subprocess


def java_17() -> bool:
    java = shutil.which("java")
    if java is None:
        return False
    version = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    return '"17' in version
