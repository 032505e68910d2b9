"""What did a whole process cost? CPU seconds of it and its children, and its peak memory."""

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from typing import Any

MB = 1024 * 1024
QUIET = {  # of the packages the plain script uses; ours sets them itself
    "DO_NOT_TRACK": "1",
    "GX_ANALYTICS_ENABLED": "false",
    "DAGSTER_DISABLE_TELEMETRY": "1",
}


@dataclass(frozen=True, slots=True)
class Cost:
    """One process from its start to its end, imports included."""

    cpu_s: float  # user and system
    peak_mb: float  # largest resident set
    said: dict[str, Any]  # its last line, JSON


def run(module: str, *arguments: object) -> Cost:
    """Run `python -m module arguments` to its end, in a process of its own.

    Raises:
        RuntimeError: it failed; the end of its stderr is in the message.
    """
    command = [sys.executable, "-W", "ignore", "-m", module, *map(str, arguments)]
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = subprocess.Popen(command, stdout=out, stderr=err, env=os.environ | QUIET)
        _, status, usage = os.wait4(process.pid, 0)  # the only call that tells what one child cost
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0), err.seek(0)
        lines = out.read().decode().splitlines()
        if process.returncode != 0 or not lines:
            raise RuntimeError(f"{' '.join(command)} failed:\n{err.read().decode()[-4000:]}")
    peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)  # bytes there, kB elsewhere
    return Cost(usage.ru_utime + usage.ru_stime, peak / MB, json.loads(lines[-1]))


def say(**facts: Any) -> None:
    """Print what a process found, as its last line."""
    print(json.dumps(facts), flush=True)
