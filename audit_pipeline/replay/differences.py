"""What differs between a record and its replay, in the order in which one would look for the cause."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

from audit_pipeline.engines import code_digest, platform
from audit_pipeline.records import AuditResult

ABSENT = "absent"
FORM = [field.name for field in fields(AuditResult)]


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as recorded."""

    kind: str  # record, snapshot, input, look_back, engine, code, platform, form, result; config: in the project since
    where: str  # path of a file, key, package, or path of a value in the result
    recorded: Any
    found: Any

    def __str__(self) -> str:
        """`kind where: recorded -> found`; digests are cut short."""
        return f"{self.kind} {self.where}".rstrip() + f": {_short(self.recorded)} -> {_short(self.found)}"


def _short(value: Any) -> str:
    text = str(value)
    return f"{text[:16]}..." if len(text) == 64 and text.isalnum() else text


def of_program(record: Mapping[str, Any], result: Mapping[str, Any]) -> Iterator[Difference]:
    """Yield the packages, the program's code and the machine that are not those of the record."""
    before, now = dict(record["result"]["engines"]), dict(result["engines"])
    for package in dict.fromkeys((*before, *now)):
        if before.get(package) != now.get(package):
            yield Difference("engine", package, before.get(package, ABSENT), now.get(package, ABSENT))
    for kind, found in (("code", code_digest()), ("platform", platform())):
        if record["execution"].get(kind) != found:
            yield Difference(kind, "", record["execution"].get(kind, ABSENT), found)


def of_results(recorded: Mapping[str, Any], found: Mapping[str, Any]) -> Iterator[Difference]:
    """Yield every value of the recorded result that did not come out again, in the order of the form.

    Both are as canonical JSON gives them. The packages are told by `of_program`, fields that came later by `of_form`.
    """
    for name in sorted(recorded, key=lambda name: FORM.index(name) if name in FORM else len(FORM)):
        if name != "engines":
            yield from _of_values(name, recorded[name], found.get(name, ABSENT))


def of_form(recorded: Any, found: Any, path: str = "") -> Iterator[Difference]:
    """Yield each field that the recorded result does not have, once for all items of a list."""
    if isinstance(recorded, dict) and isinstance(found, dict):
        for name, value in found.items():
            if name not in recorded:
                yield Difference("form", f"{path}.{name}".lstrip("."), ABSENT, "a field")
            else:
                yield from of_form(recorded[name], value, f"{path}.{name}")
    elif isinstance(recorded, list) and isinstance(found, list):
        pairs = zip(recorded, found, strict=False)
        yield from dict.fromkeys(new for before, now in pairs for new in of_form(before, now, f"{path}[]"))


def _of_values(path: str, recorded: Any, found: Any) -> Iterator[Difference]:
    if isinstance(recorded, dict) and isinstance(found, dict):
        for name, value in recorded.items():
            yield from _of_values(f"{path}.{name}", value, found.get(name, ABSENT))
    elif isinstance(recorded, list) and isinstance(found, list):
        if len(recorded) != len(found):
            yield Difference("result", path, f"{len(recorded)} items", f"{len(found)} items")
        for number, (before, now) in enumerate(zip(recorded, found, strict=False)):
            yield from _of_values(f"{path}[{number}]", before, now)
    elif isinstance(recorded, bool) is not isinstance(found, bool) or recorded != found:
        yield Difference("result", path, recorded, found)
