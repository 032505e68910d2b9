"""One YAML file to its typed object, or to its faults: each with key, and what would be right."""

from collections.abc import Hashable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Generic, TypeVar

import yaml
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from audit_pipeline.errors import Fault, did_you_mean

T = TypeVar("T", bound=BaseModel)
MERGE = "tag:yaml.org,2002:merge"  # `<<: *anchor`


@dataclass(frozen=True, slots=True)
class Document(Generic[T]):
    """A file as it was read: its bytes, its raw data, and the typed object when nothing is wrong with it."""

    bytes: bytes
    data: dict[str, Any]  # empty when it is no mapping
    value: T | None


def read(file: Path, kind: type[T], *, root: Path, faults: list[Fault]) -> Document[T]:
    """Read one YAML file into its typed object; append what is wrong to `faults`."""
    name = file.relative_to(root).as_posix()
    try:
        raw = file.read_bytes()
        data = yaml.load(raw.decode(), Loader=_Loader)  # noqa: S506 (a SafeLoader)
    except OSError as error:
        faults.append(Fault(name, "", f"cannot be read: {error.strerror}"))
        return Document(b"", {}, None)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        faults.append(Fault(name, "", _unreadable(error)))
        return Document(raw, {}, None)
    if not isinstance(data, dict):
        faults.append(Fault(name, "", "must be a mapping of keys to values"))
        return Document(raw, {}, None)
    try:
        return Document(raw, data, kind.model_validate(data))
    except ValidationError as error:
        faults.extend(_fault(name, kind, detail) for detail in error.errors(include_url=False))
        return Document(raw, data, None)


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # libyaml's, where there is one
    """Refuses what YAML would pass over or stumble on: a key given twice, a date that does not exist."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        """Build a mapping whose keys are unique."""
        seen: set[Any] = set()
        for key_node, _ in node.value:
            if key_node.tag == MERGE:
                continue
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, Hashable):
                raise yaml.constructor.ConstructorError(None, None, "a key must be plain text", key_node.start_mark)
            if key in seen:
                raise yaml.constructor.ConstructorError(None, None, f"key '{key}' is given twice", key_node.start_mark)
            seen.add(key)
        built: dict[Any, Any] = super().construct_mapping(node, deep=deep)
        return built

    def construct_yaml_timestamp(self, node: Any) -> Any:
        """Build a date or time; the plain constructor raises a bare ValueError for 2026-02-30."""
        try:
            return super().construct_yaml_timestamp(node)
        except ValueError as error:
            raise yaml.constructor.ConstructorError(None, None, f"no such date ({error})", node.start_mark) from error


_Loader.add_constructor("tag:yaml.org,2002:timestamp", _Loader.construct_yaml_timestamp)


def _unreadable(error: yaml.YAMLError | UnicodeDecodeError) -> str:
    """Say where a file stops being YAML."""
    if isinstance(error, UnicodeDecodeError):
        return "is not UTF-8 text: save it as UTF-8"
    mark = getattr(error, "problem_mark", None)
    where = f" (line {mark.line + 1}, column {mark.column + 1})" if mark else ""
    return f"is not readable YAML{where}: {getattr(error, 'problem', None) or 'damaged'}"


def _fault(file: str, kind: type[BaseModel], detail: Any) -> Fault:
    """Turn one pydantic error into what, where, and what would be right; the value itself is never shown."""
    place = tuple(part for part in detail["loc"] if part != "[key]")
    owner, field = _follow(kind, place)
    message = str(detail["msg"]).removeprefix("Value error, ")
    meant = field.description if field is not None else None
    if detail["type"] == "extra_forbidden":
        known = list(owner.model_fields) if owner else []
        message = f"is no known key.{did_you_mean(str(place[-1]), known)} Known here: {', '.join(known)}"
    elif detail["type"] == "missing":
        message = f"is missing: {meant}" if meant else "is missing"
    elif detail["type"] == "string_type" and isinstance(detail["input"], int | float | date):
        message = "must be text: put it in quotes"
    elif detail["type"] not in ("rule", "value_error") and meant:
        message += f" ({meant})"
    return Fault(file, _dotted(place), message)


def _dotted(place: tuple[int | str, ...]) -> str:
    """Return `a.b[0].c`, as a reader finds it in the file."""
    words = [f"[{part}]" if isinstance(part, int) else f".{part}" for part in place]
    return "".join(words).removeprefix(".")


def _follow(kind: type[BaseModel], place: tuple[int | str, ...]) -> tuple[type[BaseModel] | None, FieldInfo | None]:
    """Return the model that the last key of `place` belongs to, and that key's field, when it is one."""
    owner: type[BaseModel] | None = kind
    field: FieldInfo | None = None
    for depth, part in enumerate(place):
        field = owner.model_fields.get(str(part)) if owner else None
        if field is not None and depth < len(place) - 1:
            owner = _model_in(field.annotation)  # a mapping's or list's own key, which comes next, is passed over
    return owner, field


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """Return the first model class inside an annotation such as `dict[str, X]` or `X | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for part in getattr(annotation, "__args__", ()):
        found = _model_in(part)
        if found:
            return found
    return None
