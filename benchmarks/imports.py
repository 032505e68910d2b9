"""What do a process's imports cost alone? `python -m benchmarks.imports FILE` loads the modules a full run loaded.

The full run writes what it had loaded at its end, lazy imports too; loading the same modules in the same order and
doing nothing else is the import-only run. Both sides of a comparison are treated alike.
"""

import importlib
import json
import sys
from contextlib import suppress
from pathlib import Path

from benchmarks.process import say


def remember(file: Path) -> None:
    """Write the names of all loaded modules, in the order of their loading."""
    file.write_text(json.dumps([name for name in sys.modules if not name.startswith(("__main__", "benchmarks"))]))


def main(file: str) -> None:
    """Load the modules named in `file`; one that cannot be loaded by its name alone is left out."""
    loaded = 0
    for name in json.loads(Path(file).read_text()):
        with suppress(Exception):
            importlib.import_module(name)
            loaded += 1
    say(loaded=loaded)


if __name__ == "__main__":
    main(*sys.argv[1:])
