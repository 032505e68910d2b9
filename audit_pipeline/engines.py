"""Which versions of the computing packages stand behind a result."""

from functools import cache
from importlib.metadata import version

PACKAGES = ("duckdb", "evidently", "great-expectations", "numpy", "pandas", "pyarrow", "scikit-learn", "scipy", "shap")


@cache
def engine_versions() -> tuple[tuple[str, str], ...]:
    """Return (package, version) for every package a number can depend on."""
    return tuple((name, version(name)) for name in PACKAGES)
