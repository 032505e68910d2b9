"""Read a project folder: every fault of every file at once, each with file, key and what would be right."""

import hashlib
import json
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from audit_pipeline.config.model import ModelConfig
from audit_pipeline.config.project import Layout, ProjectConfig
from audit_pipeline.config.suite import SuiteConfig
from audit_pipeline.errors import ConfigError, Fault, did_you_mean

T = TypeVar("T", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class AuditedModel:
    """A model with its suite, and the bytes both were read from."""

    config: ModelConfig
    suite: SuiteConfig
    config_bytes: bytes
    suite_bytes: bytes


@dataclass(frozen=True, slots=True)
class Project:
    """A project whose configuration holds together."""

    root: Path
    config: ProjectConfig
    models: dict[str, AuditedModel]

    @property
    def layout(self) -> Layout:
        """Where things are."""
        return Layout(root=self.root)

    def model(self, model_id: str) -> AuditedModel:
        """Return one model.

        Raises:
            ConfigError: there is no model of that name.
        """
        if model_id not in self.models:
            text = f"no model '{model_id}'.{did_you_mean(model_id, self.models)} There are: {', '.join(self.models)}."
            raise ConfigError([Fault(file="models/", key="", message=text)])
        return self.models[model_id]


def load_project(root: Path) -> Project:
    """Return the project in `root`.

    Raises:
        ConfigError: with all faults of all files.
    """
    root = root.resolve()
    faults: list[Fault] = []
    if not (root / "project.yaml").is_file():
        text = "does not exist. Make a project with `audit-pipeline init DIR`, or name one with --project."
        raise ConfigError([Fault(file=str(root / "project.yaml"), key="", message=text)])
    project = _parse(root / "project.yaml", ProjectConfig, root, faults)
    models: dict[str, AuditedModel] = {}
    files = sorted((root / "models").glob("*.y*ml"))
    if not files:
        faults.append(Fault("models/", "", "holds no model file; `audit-pipeline init DIR --from LOG` proposes one"))
    for file in files:
        audited = _model(file, root, project, faults)
        if audited:
            models[audited.config.model_id] = audited
    for suite_file in sorted((root / "expectations").glob("*.y*ml")):
        if not (root / "models" / suite_file.name).exists():
            name = _below(suite_file, root)
            faults.append(Fault(name, "", f"belongs to no model: there is no models/{suite_file.name}"))
    if faults or project is None:
        raise ConfigError(faults)
    return Project(root=root, config=project, models=models)


def _model(file: Path, root: Path, project: ProjectConfig | None, faults: list[Fault]) -> AuditedModel | None:
    """Read one model file and its suite, and hold them against each other and the project."""
    name = _below(file, root)
    config = _parse(file, ModelConfig, root, faults)
    suite_file = root / "expectations" / file.name
    if not suite_file.is_file():
        text = "does not exist; every model needs a suite (`audit-pipeline init DIR --from LOG` proposes one)"
        faults.append(Fault(_below(suite_file, root), "", text))
        suite = None
    else:
        suite = _parse(suite_file, SuiteConfig, root, faults)
    if config and config.model_id != file.stem:
        faults.append(Fault(name, "model_id", f"is '{config.model_id}', but the file is named '{file.stem}'"))
    if config and project and config.owner not in project.owners:
        hint = did_you_mean(config.owner, project.owners)
        text = f"'{config.owner}' is not in `owners` of project.yaml.{hint} There are: {', '.join(project.owners)}"
        faults.append(Fault(name, "owner", text))
    if config is None or suite is None:
        return None
    faults.extend(_suite_faults(suite, config, _below(suite_file, root)))
    return AuditedModel(config, suite, file.read_bytes(), suite_file.read_bytes())


def _suite_faults(suite: SuiteConfig, config: ModelConfig, file: str) -> list[Fault]:
    """Hold a suite against the official types and the model's columns."""
    faults: list[Fault] = []
    if suite.model_id != config.model_id:
        faults.append(Fault(file, "model_id", f"is '{suite.model_id}', the model file says '{config.model_id}'"))
    known = expectation_types()
    for i, entry in enumerate(suite.expectations):
        key = f"expectations[{i}]"
        if entry.type not in known:
            text = f"'{entry.type}' is no expectation of Great Expectations.{did_you_mean(entry.type, known)}"
            faults.append(Fault(file, f"{key}.type", text))
            continue
        arguments = known[entry.type]
        faults.extend(Fault(file, f"{key}.type", f"{entry.type} {reason}") for reason in arguments.get("refused", ()))
        for argument in entry.kwargs:
            if argument not in arguments["all"]:
                hint = did_you_mean(argument, arguments["all"])
                text = f"is no argument of {entry.type}.{hint} It takes: {', '.join(arguments['all'])}"
                faults.append(Fault(file, f"{key}.kwargs.{argument}", text))
        for argument in arguments["required"]:
            if argument not in entry.kwargs:
                faults.append(Fault(file, f"{key}.kwargs", f"{entry.type} needs `{argument}`"))
        faults.extend(_column_faults(entry.kwargs, config, file, key))
    return faults


def _column_faults(kwargs: dict[str, Any], config: ModelConfig, file: str, key: str) -> list[Fault]:
    """Name columns of an expectation that the model file does not declare."""
    named = [
        ("column", kwargs.get("column")),
        ("column_A", kwargs.get("column_A")),
        ("column_B", kwargs.get("column_B")),
    ]
    listed = kwargs.get("column_list")
    if isinstance(listed, list):
        named += [("column_list", column) for column in listed]
    return [
        Fault(
            file,
            f"{key}.kwargs.{argument}",
            f"'{column}' is not in `columns` of the model file.{did_you_mean(str(column), config.columns)}",
        )
        for argument, column in named
        if column is not None and column not in config.columns
    ]


@cache
def expectation_types() -> dict[str, dict[str, list[str]]]:
    """Return official expectation types: `all` and `required` arguments, and why one is `refused`.

    Written by `checks/catalogue.py`.
    """
    text = (resources.files("audit_pipeline.config") / "expectation_types.json").read_text(encoding="utf-8")
    types: dict[str, dict[str, list[str]]] = json.loads(text)
    return types


class _UniqueKeys(yaml.SafeLoader):
    """Refuses a mapping that names a key twice: YAML would keep the last in silence."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        """Build a mapping whose keys are unique."""
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=deep)
            if key in seen:
                raise yaml.constructor.ConstructorError(None, None, f"key '{key}' is given twice", key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep=deep)


def _parse(file: Path, kind: type[T], root: Path, faults: list[Fault]) -> T | None:
    """Read one YAML file into its typed object; append what is wrong and return None."""
    name = _below(file, root)
    try:
        document = yaml.load(file.read_text(encoding="utf-8"), Loader=_UniqueKeys)  # noqa: S506 (a SafeLoader)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" (line {mark.line + 1}, column {mark.column + 1})" if mark else ""
        problem = getattr(error, "problem", None) or "is not UTF-8 text"
        faults.append(Fault(name, "", f"is not readable YAML{where}: {problem}"))
        return None
    if not isinstance(document, dict):
        faults.append(Fault(name, "", "must be a mapping of keys to values"))
        return None
    try:
        return kind.model_validate(document)
    except ValidationError as error:
        faults.extend(_fault(name, kind, detail) for detail in error.errors(include_url=False))
        return None


def _fault(file: str, kind: type[BaseModel], detail: Any) -> Fault:
    """Turn one pydantic error into what, where, and what would be right."""
    location = [str(part) for part in detail["loc"]]
    key = ".".join(location).replace("[", ".[")
    message = str(detail["msg"]).removeprefix("Value error, ")
    if detail["type"] == "extra_forbidden":
        known = _keys_at(kind, location[:-1])
        hint = did_you_mean(location[-1], known)
        message = f"is no known key.{hint}" + (f" Known here: {', '.join(known)}" if known else "")
    elif detail["type"] == "missing":
        message = "is missing" + _described(kind, location)
    return Fault(file, key, message)


def _keys_at(kind: type[BaseModel], location: list[str]) -> list[str]:
    """Return the known keys of the object at `location`, as far as types tell."""
    found = _class_at(kind, location)
    return list(found.model_fields) if found else []


def _described(kind: type[BaseModel], location: list[str]) -> str:
    """Return ": description" of a field, when it has one."""
    owner = _class_at(kind, location[:-1])
    field = owner.model_fields.get(location[-1]) if owner else None
    return f": {field.description}" if field and field.description else ""


def _class_at(kind: type[BaseModel] | None, location: list[str]) -> type[BaseModel] | None:
    """Follow field names through nested models; a mapping's or list's own key is passed over."""
    for part in location:
        if kind is None:
            return None
        field = kind.model_fields.get(part)
        if field is not None:
            kind = _model_in(field.annotation)
    return kind


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """Return the first model class inside an annotation such as `dict[str, X]` or `X | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for part in getattr(annotation, "__args__", ()):
        found = _model_in(part)
        if found:
            return found
    return None


def _below(file: Path, root: Path) -> str:
    """Return the path as a reader of the project names it."""
    return file.relative_to(root).as_posix()


def digest(data: bytes) -> str:
    """Return the sha256 of `data` in hex."""
    return hashlib.sha256(data).hexdigest()
