"""The demo's raw data: the RAND Health Insurance Experiment file that comes inside the statsmodels wheel.

statsmodels states that the data is in the public domain. The file is package data, not an interface: its sha256
is pinned here, and another file is refused, since every figure of the demo depends on it. statsmodels itself is
found but not imported (its import takes seconds), and its `load_pandas()` leaves out year, site and sex.
"""

import hashlib
import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

from audit_pipeline.errors import DemoDataError

if TYPE_CHECKING:
    import pandas as pd

SHA256 = "fe64f3c8e987779daa6052dd756d9ce277e025330f5549126c7c2f6a3c9c5541"
FILE = "datasets/randhie/src/randhie.csv"  # below the statsmodels package


def locate() -> Path:
    """Return the path of the data file inside the installed statsmodels.

    Raises:
        DemoDataError: statsmodels is not installed, or its release no longer carries the file.
    """
    spec = importlib.util.find_spec("statsmodels")
    if spec is None or spec.origin is None:
        raise DemoDataError("statsmodels is not installed")
    path = Path(spec.origin).parent / FILE
    if not path.is_file():
        raise DemoDataError(f"the installed statsmodels has no file '{FILE}'")
    return path


def read(path: Path | None = None) -> "pd.DataFrame":
    """Return the raw table: one row per person and study year (20,190 x 45), columns as in the file.

    Args:
        path: the file; the one inside statsmodels when absent.

    Raises:
        DemoDataError: the file is not there, or its sha256 is not the pinned one.
    """
    import pandas as pd

    path = locate() if path is None else path
    if not path.is_file():
        raise DemoDataError(f"'{path.name}' does not exist")
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != SHA256:
        raise DemoDataError(f"'{path.name}' has sha256 {found[:16]}..., the demo pins {SHA256[:16]}...")
    return pd.read_csv(path)
