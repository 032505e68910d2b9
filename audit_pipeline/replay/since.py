"""Which keys of the configuration have another value today than in a record? A replay uses those of the record."""

from collections.abc import Iterator
from typing import Any

from audit_pipeline.checks.results import names
from audit_pipeline.config import Project
from audit_pipeline.config.project import PLACES
from audit_pipeline.replay.differences import ABSENT, Difference

SHARED = ("name", "seed", "limits")  # keys of project.yaml on which a result depends


def changed_since(then: Project, now: Project, model_id: str) -> tuple[Difference, ...]:
    """Return every key of the project, the model or the suite that has another value in `now`; defaults are values."""
    if model_id not in now.models:
        return (Difference("config", f"models/{model_id}.yaml", "a model of the project", ABSENT),)
    before, after = _values(then, model_id), _values(now, model_id)
    return tuple(
        Difference("config", key, before.get(key, ABSENT), after.get(key, ABSENT))
        for key in dict.fromkeys((*before, *after))
        if before.get(key, ABSENT) != after.get(key, ABSENT)
    )


def _values(project: Project, model_id: str) -> dict[str, Any]:
    """Return `file: key` -> value for all that a result of the model depends on."""
    shared = project.config.model_dump(mode="json", include=set(SHARED), exclude={"limits": set(PLACES)})
    found = {f"project.yaml: {key}": value for key, value in _flat("", shared)}
    audited = project.model(model_id)
    model = audited.config.model_dump(mode="json")
    found |= {f"models/{model_id}.yaml: {key}": value for key, value in _flat("", model)}
    for name, expectation in zip(names(audited.suite.expectations), audited.suite.expectations, strict=True):
        said = expectation.model_dump(mode="json", exclude={"type"})
        found |= {f"expectations/{model_id}.yaml: {key}": value for key, value in _flat(name, said)}
    return found


def _flat(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Yield every value with the dotted path of its key."""
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _flat(f"{path}.{key}".lstrip("."), inner)
    else:
        yield path, value
