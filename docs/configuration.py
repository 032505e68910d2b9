"""`configuration.md`: every key of project.yaml, models/*.yaml and expectations/*.yaml, from the typed objects."""

import inspect
import json
import types
import typing
from collections.abc import Iterable, Iterator
from enum import Enum
from importlib import resources
from typing import Any, Literal

from pydantic import AfterValidator, BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from audit_pipeline.config import ModelConfig, ProjectConfig, SuiteConfig
from audit_pipeline.config.metrics import METRICS
from docs.markdown import anchor, code, page, table

FILES: dict[str, type[BaseModel]] = {
    "project.yaml": ProjectConfig,
    "models/<model_id>.yaml": ModelConfig,
    "expectations/<model_id>.yaml": SuiteConfig,
}
WORDS = {str: "text", int: "integer", float: "number", bool: "true or false", type(None): "null"}
BOUNDS = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below", "min_length": "at least"}


def configuration() -> str:
    """Return the page."""
    parts = [
        "A project is a folder: `project.yaml`, one file per model under `models/`, one suite per model under "
        "`expectations/`. Paths are relative to that folder. An unknown key is refused, and all faults are reported "
        "at once with file and key.",
    ]
    for file, kind in FILES.items():
        parts += [f"## {code(file)}", _first_line(kind), _keys(kind, file)]
        for paths, nested in _nested(kind).items():
            parts += _section(paths, nested, file)
    return page("Configuration", [*parts, *_metrics(), *_expectations()])


def _nested(kind: type[BaseModel]) -> dict[tuple[str, ...], type[BaseModel]]:
    """Return every object below `kind` with all places where it stands, in order of first appearance."""
    places: dict[type[BaseModel], list[str]] = {}
    for path, nested in _walk(kind, ""):
        places.setdefault(nested, []).append(path)
    return {tuple(paths): nested for nested, paths in places.items()}


def _walk(kind: type[BaseModel], prefix: str) -> Iterator[tuple[str, type[BaseModel]]]:
    for name, field in kind.model_fields.items():
        for nested in _models_in(field.annotation):
            path = f"{prefix}{name}{_step(field.annotation)}"
            yield path, nested
            yield from _walk(nested, f"{path}.")


def _step(annotation: Any) -> str:
    """Return what stands between a mapping's or list's key and the keys of its objects."""
    origins = {typing.get_origin(annotation), *(typing.get_origin(part) for part in typing.get_args(annotation))}
    return ".<name>" if dict in origins else "[]" if tuple in origins else ""


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    """Return the objects inside an annotation such as `dict[str, X]` or `X | None`."""
    if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in typing.get_args(annotation) for model in _models_in(part)]


def _section(paths: tuple[str, ...], kind: type[BaseModel], file: str) -> list[str]:
    """Describe one object under the first of its places."""
    also = f" It stands at {', '.join(code(path) for path in paths)}." if len(paths) > 1 else ""
    return [f"### {_heading(kind, paths, file)}", _first_line(kind) + also, _keys(kind, file)]


def _heading(kind: type[BaseModel], paths: tuple[str, ...], file: str) -> str:
    """Name an object by its place, or by its class when it has several; with the file, so that it is unique."""
    return f"{code(paths[0]) if len(paths) == 1 else kind.__name__} in {code(file)}"


def _first_line(kind: type[BaseModel]) -> str:
    return inspect.getdoc(kind) or ""


def _keys(kind: type[BaseModel], file: str) -> str:
    """Return the table of an object's keys."""
    rows = []
    for name, field in kind.model_fields.items():
        inner = _models_in(field.annotation)
        text = field.description or (_first_line(inner[0]) if inner else "")
        if inner:
            paths = next(paths for paths, nested in _nested(FILES[file]).items() if nested is inner[0])
            heading = _heading(inner[0], paths, file)
            text = f"{text.rstrip('.')}; see [{heading.partition(' in ')[0]}]({anchor(heading)})"
        rows.append((code(name), type_words(field), _default(field), text))
    return table(("key", "value", "default", "meaning"), rows)


def type_words(field: FieldInfo) -> str:
    """Say in words what a field takes."""
    return _joined(field.annotation, field.metadata)


def _joined(annotation: Any, metadata: Iterable[Any]) -> str:
    """Say what an annotation admits within its bounds; what a text must be says more than that it is text."""
    bounds = [bound for item in metadata for bound in _bounds(item)]
    return ", ".join(bounds if annotation is str and bounds else [_words(annotation), *bounds])


def _words(annotation: Any) -> str:
    """Say in words what an annotation admits; the absence of a value is told by the default."""
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return _joined(inner[0], [part for item in inner[1:] for part in getattr(item, "metadata", [item])])
    if origin is Literal:
        return " or ".join(code(value) for value in inner)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(_words(part) for part in inner if part is not type(None))
    if origin is dict:
        return "mapping" if inner[1] is Any else "mapping of names to objects"
    if origin is tuple:
        return "list of objects" if _models_in(inner[0]) else f"list, each {_words(inner[0])}"
    if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
        return "object"
    if inspect.isclass(annotation) and issubclass(annotation, Enum):
        return " or ".join(code(member.value) for member in annotation)
    return WORDS.get(annotation, getattr(annotation, "__name__", str(annotation)))


def _bounds(item: Any) -> Iterator[str]:
    """Say one bound in words."""
    if isinstance(item, AfterValidator):
        yield _asked(item)
    for name, word in BOUNDS.items():
        value = getattr(item, name, None)
        if value is not None:
            yield f"{word} {value}{' of them' if name == 'min_length' else ''}"


def _asked(validator: AfterValidator) -> str:
    """Return what a validator of text asks for: the words with which it refuses what cannot be right."""
    try:
        validator.func("\0")  # type: ignore[call-arg]
    except ValueError as error:
        return str(error).removeprefix("must be ")
    raise ValueError("a validator took text that cannot be right, so the page cannot say what it asks for")


def _default(field: FieldInfo) -> str:
    """Return the default as YAML would write it."""
    if field.is_required():
        return "**required**"
    value = field.get_default(call_default_factory=True)
    if value is PydanticUndefined or value is None:
        return ""
    if isinstance(value, BaseModel):
        given = {key: part for key, part in value.model_dump(exclude_none=True).items() if not isinstance(part, dict)}
        return code(_flow(given)) if given and len(given) <= 2 else "its defaults" if given else "none"
    return code(_flow(value)) if value != "" else "empty"


def _flow(value: Any) -> str:
    """Return a value in YAML's flow style."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_flow(part)}" for key, part in value.items()) + "}"
    if isinstance(value, tuple | list):
        return "[" + ", ".join(_flow(part) for part in value) + "]"
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)


def _metrics() -> list[str]:
    """Name the metrics that `policy.performance` can judge."""
    rows = [
        (task, ", ".join(map(code, known)), ", ".join(code(name) for name, better in known.items() if better))
        for task, known in METRICS.items()
    ]
    return [
        "## Metrics that `policy.performance` judges",
        table(("task", "`metrics`", "`worse_than_reference` too"), rows),
    ]


def _expectations() -> list[str]:
    """List the expectation types with their arguments."""
    rows = []
    for name, arguments in _types().items():
        required = arguments["required"]
        optional = [argument for argument in arguments["all"] if argument not in required]
        refused = "; ".join(arguments.get("refused", ()))
        needs = f"refused: it {refused}" if refused else ", ".join(map(code, required))
        rows.append((code(name), needs, "" if refused else ", ".join(map(code, optional))))
    return [
        "## Expectation types",
        "Great Expectations' own names and arguments; another type or argument is refused when the project is read.",
        table(("type", "needs", "may have"), rows),
    ]


def _types() -> dict[str, dict[str, list[str]]]:
    """Return the types the loader knows: `all` and `required` arguments, and why one is `refused`."""
    text = (resources.files("audit_pipeline.config") / "expectation_types.json").read_text(encoding="utf-8")
    known: dict[str, dict[str, list[str]]] = json.loads(text)
    return known
