"""Which program, packages and machine stand behind a result."""

import hashlib
import platform as machine
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from audit_pipeline import __version__

PACKAGES = ("duckdb", "evidently", "great-expectations", "numpy", "pandas", "pyarrow", "scikit-learn", "scipy", "shap")
LOADERS = {  # format of a model file -> packages, one of which loads it
    "skops": ("skops",),
    "onnx": ("onnxruntime", "onnxruntime-gpu"),
    "xgboost": ("xgboost", "xgboost-cpu"),
    "lightgbm": ("lightgbm",),
    "pickle": ("joblib",),
}
CODE = (".py", ".json", ".sql")  # files of the program on which a number can depend


@cache
def engine_versions() -> tuple[tuple[str, str], ...]:
    """Return (package, version) for every package a number can depend on."""
    return tuple((name, version(name)) for name in PACKAGES)


def all_engines(artefact: str | None = None) -> tuple[tuple[str, str], ...]:
    """Return (package, version) of the program itself, of the packages, and of what loads a model file of a format."""
    loader = loader_version(artefact) if artefact else ()
    return (("audit-pipeline", __version__), *engine_versions(), *loader)


@cache
def loader_version(artefact: str) -> tuple[tuple[str, str], ...]:
    """Return (package, version) of what loads a model file of a format; nothing when it is not installed."""
    for name in LOADERS[artefact]:
        with suppress(PackageNotFoundError):
            return ((name, version(name)),)
    return ()


@cache
def code_digest() -> str:
    """Return one sha256 over the program's own files, their names included; costs some 10 ms, once per process."""
    root = Path(__file__).parent
    digest = hashlib.sha256()
    for file in sorted(path for path in root.rglob("*") if path.suffix in CODE):
        content = hashlib.sha256(file.read_bytes()).hexdigest()
        digest.update(f"{content}  {file.relative_to(root).as_posix()}\n".encode())
    return digest.hexdigest()


def program() -> str:
    """Return what a number depends on beside its inputs: code, packages and machine, in one text."""
    return f"{code_digest()} {all_engines()} {platform()}"


@cache
def platform() -> str:
    """Return interpreter, system and processor: floating point can differ in the last bit between them."""
    return f"{machine.python_implementation()} {machine.python_version()}, {machine.system()} {machine.machine()}"
