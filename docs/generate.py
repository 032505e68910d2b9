"""Write the reference pages that follow from the code: `python -m docs.generate`."""

import sys
from pathlib import Path

from docs.commands import commands
from docs.configuration import configuration
from docs.tables import tables

PAGES = {"configuration.md": configuration, "tables.md": tables, "commands.md": commands}
FOLDER = Path(__file__).parent


def main() -> None:
    """Write every page that differs."""
    for name, make in PAGES.items():
        path, text = FOLDER / name, make()
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            sys.stdout.write(f"wrote {path.relative_to(FOLDER.parent)}\n")


if __name__ == "__main__":
    main()
