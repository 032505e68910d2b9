"""The folders are the architecture: imports run one way, each heavy package has one door, modules stay small."""

import ast
from functools import cache
from pathlib import Path

import pytest

import audit_pipeline

ROOT = Path(audit_pipeline.__file__).parent
STAGES = ["sources", "snapshot", "checks", "metrics", "explain", "decision", "evidence", "lineage", "publish", "notify"]
LAYERS = [  # a module imports from its own layer or one above; stages only from those above
    [
        "__init__",
        "cached",
        "cipher",
        "durable",
        "errors",
        "in_memory",
        "offline",
        "records",
        "revive",
        "row_groups",
        "small_cells",
        "tmpfs",
    ],
    ["config"],
    ["copies", "vault"],
    STAGES,
    [
        "anchor",
        "due",
        "durations",
        "engines",
        "fleet",
        "forget",
        "gather",
        "keys",
        "log_columns",
        "measure",
        "pipeline",
        "proposal",
        "reason_codes",
        "refrozen",
        "replay",
        "retrace",
        "roles",
        "stages",
        "starter",
        "tell",
        "trace",
        "why",
        "window",
    ],
    ["orchestration"],
    ["cli", "demo"],
    ["definitions", "__main__"],
]
DOORS = {  # package -> where it may be imported
    "apprise": {"notify/send.py"},
    "cryptography": {"cipher.py", "evidence/sign.py"},  # files, signatures
    "dagster": {"orchestration", "definitions.py"},
    "evidently": {"metrics/engine_evidently.py", "metrics/evidently_metrics.py"},
    "great_expectations": {"checks/engine_gx.py"},
    "jinja2": {"evidence/report.py"},
    "jsonschema": {"lineage/schemas.py"},
    "joblib": {"explain/models/pickle_child.py"},
    "lightgbm": {"explain/models/lightgbm_file.py"},
    "onnxruntime": {"explain/models/onnx_file.py"},
    "openlineage": {  # classes of runs, classes of datasets, HTTP
        "lineage/events.py",
        "lineage/dataset_facets.py",
        "lineage/transport.py",
    },
    "referencing": {"lineage/schemas.py"},
    "requests": {"lineage/transport.py"},
    "pydantic": {"config"},
    "pydantic_core": {"config"},
    "rich": {"cli"},
    "securesystemslib": {"evidence/sign.py"},
    "shap": {"explain/engine_shap.py"},
    "skops": {"explain/models/skops_file.py", "demo/models.py"},
    "sklearn": {"demo/models.py", "explain/models/surrogate.py", "metrics/domain.py"},
    "typer": {"cli"},
    "xgboost": {"explain/models/xgboost_file.py"},
    "yaml": {"config"},
}
LONG = {"records.py", "checks/engine_gx.py"}  # the contract, and a door
MODULES = sorted(path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*.py"))


@cache
def nodes(module: str) -> tuple[ast.AST, ...]:
    """Every node of a file."""
    return tuple(ast.walk(ast.parse((ROOT / module).read_text(encoding="utf-8"))))


@cache
def imports(module: str) -> tuple[str, ...]:
    """Every module that a file imports, inside functions too."""
    found: list[str] = []
    for node in nodes(module):
        if isinstance(node, ast.Import):
            found += (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} imports relatively"
            found += (str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names))
    return tuple(found)


def part(module: str) -> str:
    """Return the folder or top-level module that a file belongs to."""
    return module.split("/", 1)[0].removesuffix(".py")


def layer(name: str) -> int:
    """Return the layer of a folder or top-level module."""
    found = [level for level, names in enumerate(LAYERS) if name in names]
    assert found, f"'{name}' is new: give it a layer here and a line in the README's map"
    return found[0]


def known(name: str) -> bool:
    return (ROOT / name).is_dir() or (ROOT / f"{name}.py").is_file()


@pytest.mark.parametrize("module", MODULES)
def test_imports_run_one_way(module: str) -> None:
    mine = part(module)
    for name in imports(module):
        words = name.split(".")
        if words[0] != "audit_pipeline" or len(words) < 2 or not known(words[1]) or words[1] == mine:
            continue
        assert layer(words[1]) <= layer(mine), f"{module} imports {name}, which stands below it"
        assert not {mine, words[1]} <= set(STAGES), f"the stage {mine} imports the stage {words[1]} ({module})"


@pytest.mark.parametrize("package", DOORS)
def test_a_heavy_package_has_one_door(package: str) -> None:
    users = {module for module in MODULES if package in {name.split(".")[0] for name in imports(module)}}
    assert users, f"nothing imports {package} any more"
    through = {module for module in users if DOORS[package] & {module, part(module)}}
    assert users == through, f"{package} is imported past its door by {sorted(users - through)}"


def test_no_duckdb_connection_may_fetch_an_extension() -> None:
    calls = [
        (module, node)
        for module in MODULES
        for node in nodes(module)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "duckdb.connect"
    ]
    assert len(calls) > 5
    for module, call in calls:
        config = next((ast.unparse(k.value) for k in call.keywords if k.arg == "config"), "none")
        taken = "DUCKDB" in config or config == "CLOSED" or (module == "in_memory.py" and config == "settings")
        assert taken, f"{module}: config={config}; take offline.DUCKDB into it"


def test_modules_stay_small() -> None:
    lines = {module: len((ROOT / module).read_text(encoding="utf-8").splitlines()) for module in MODULES}
    assert {module for module, count in lines.items() if count > 400} <= LONG
    assert sum(count <= 200 for count in lines.values()) >= 0.8 * len(lines)
