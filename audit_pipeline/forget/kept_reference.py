"""What is kept of references beside the store goes with them: sorted values, see `metrics/reference_profile.py`."""

import shutil
from collections.abc import Collection
from pathlib import Path


def drop_kept_reference(root: Path, digests: Collection[str]) -> None:
    """Remove what is kept below `root`, the audit folder, of references with these digests; it is a cache."""
    for folder in (root / ".cache" / "reference").glob("*/*"):
        if folder.name in digests:
            shutil.rmtree(folder)
