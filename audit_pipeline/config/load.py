"""Read a project folder: every fault of every file at once, each with file, key and what would be right."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from audit_pipeline.config.base import mapping
from audit_pipeline.config.document import Document, read
from audit_pipeline.config.expectations import suite_faults
from audit_pipeline.config.model import ModelConfig
from audit_pipeline.config.project import Layout, ProjectConfig
from audit_pipeline.config.suite import SuiteConfig
from audit_pipeline.errors import ConfigError, Fault, did_you_mean

YAML = ("*.yaml", "*.yml")


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
    require_project(root)
    faults: list[Fault] = []
    project = read(root / "project.yaml", ProjectConfig, root=root, faults=faults)
    models: dict[str, AuditedModel] = {}
    files = _yaml_files(root / "models")
    if not files:
        text = (
            "holds no model file. `audit-pipeline init DIR --from LOG` proposes one from a log of yours, "
            "or rename the example there to <model_id>.yaml"
        )
        faults.append(Fault("models/", "", text))
    for file in files:
        audited = _model(file, root, project, faults)
        if audited and audited.config.model_id == file.stem:
            models[file.stem] = audited
    faults.extend(_lonely(root, files))
    faults.extend(_role_faults(project.data, models))
    if faults or project.value is None:
        raise ConfigError(faults)
    return Project(root=root, config=project.value, models=models)


def project_alone(root: Path) -> ProjectConfig | None:
    """Return project.yaml without any model, or None when it has a fault: for what must answer all the same."""
    return read(root / "project.yaml", ProjectConfig, root=root, faults=[]).value


def require_project(root: Path) -> None:
    """Refuse a folder that is no project.

    Raises:
        ConfigError: there is no project.yaml in it.
    """
    if not (root / "project.yaml").is_file():
        text = "does not exist. Make a project with `audit-pipeline init DIR`, or name one with --project DIR"
        raise ConfigError([Fault(file=str(root / "project.yaml"), key="", message=text)])


def _yaml_files(folder: Path) -> list[Path]:
    return sorted(file for pattern in YAML for file in folder.glob(pattern))


def _model(file: Path, root: Path, project: Document[ProjectConfig], faults: list[Fault]) -> AuditedModel | None:
    """Read one model file and its suite, and hold them against each other and the project."""
    model = read(file, ModelConfig, root=root, faults=faults)
    faults.extend(_model_faults(model.data, file, project.data))
    suite_file = root / "expectations" / file.name
    name = f"expectations/{file.name}"
    if not suite_file.is_file():
        text = "does not exist; every model needs a suite (`audit-pipeline init DIR --from LOG` proposes one)"
        faults.append(Fault(name, "", text))
        return None
    suite = read(suite_file, SuiteConfig, root=root, faults=faults)
    said, expected = suite.data.get("model_id"), model.data.get("model_id", file.stem)
    if isinstance(said, str) and said != expected:
        faults.append(Fault(name, "model_id", f"is '{said}', the model file says '{expected}'"))
    faults.extend(suite_faults(suite.data, mapping(model.data.get("columns")), file=name))
    if model.value is None or suite.value is None:
        return None
    return AuditedModel(model.value, suite.value, model.bytes, suite.bytes)


def _model_faults(model: dict[str, Any], file: Path, project: dict[str, Any]) -> Iterator[Fault]:
    """Hold a model file against its name and the project's owners."""
    name = f"models/{file.name}"
    model_id, owner, owners = model.get("model_id"), model.get("owner"), mapping(project.get("owners"))
    if isinstance(model_id, str) and model_id != file.stem:
        yield Fault(name, "model_id", f"is '{model_id}', but the file is named '{file.stem}'; both must be the same")
    if file.suffix == ".yml" and file.with_suffix(".yaml").exists():
        yield Fault(name, "", f"there is also {file.stem}.yaml: one model has one file")
    if isinstance(owner, str) and owners and owner not in owners:
        text = f"'{owner}' is not in `owners` of project.yaml.{did_you_mean(owner, owners)} There are: "
        yield Fault(name, "owner", text + ", ".join(owners))


def _role_faults(project: dict[str, Any], models: dict[str, AuditedModel]) -> Iterator[Fault]:
    """Hold what a role may see against the models there are: a misspelt name would leave its database empty."""
    domains = {model.config.domain for model in models.values()}
    for role, what in mapping(project.get("roles")).items():
        for key, known in (("models", set(models)), ("domains", domains)):
            named = mapping(what).get(key)
            for name in named if isinstance(named, list) else ():
                if name not in known:
                    text = f"'{name}' is none of a model here.{did_you_mean(str(name), known)} There are: "
                    yield Fault("project.yaml", f"roles.{role}.{key}", text + ", ".join(sorted(known)))


def _lonely(root: Path, models: list[Path]) -> Iterator[Fault]:
    """Yield a fault for each suite without a model: it would never be looked at."""
    names = {file.name for file in models}
    for file in _yaml_files(root / "expectations"):
        if file.name not in names:
            hint = did_you_mean(file.name, names)
            yield Fault(f"expectations/{file.name}", "", f"belongs to no model: there is no models/{file.name}.{hint}")
