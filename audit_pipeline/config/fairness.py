"""Which groups of people, and which slices of the rows, are looked at on their own."""

from collections.abc import Iterator, Sequence
from itertools import combinations, pairwise
from typing import Annotated, Any, Literal

from pydantic import Field

from audit_pipeline.config.base import Broken, Strict, mapping
from audit_pipeline.errors import did_you_mean

JOIN = " & "  # between the columns of an attribute, and the parts of a group's name
MISSING = "missing"  # the group of the rows without a value
Columns = tuple[str, ...]
FAIR = {  # what a policy may judge of protected groups, by task
    "binary": ("impact_ratio", "equalised_odds_difference", "proxy_auc"),
    "regression": ("bias_difference", "mae_difference", "proxy_auc"),
}
BANDED = ("number", "integer")  # types that can be cut into bands
WHOLE = ("category", "boolean", "integer")  # types whose values are groups as they are


class Fairness(Strict):
    """Groups that are looked at on their own; what `policy.fairness` limits is judged over the protected ones."""

    protected: Columns = Field(default=(), description="columns whose values must make no difference, e.g. sex")
    intersections: bool | tuple[Columns, ...] = Field(
        default=False, description="true: every pair of `protected`; or a list of combinations, e.g. [[sex, race]]"
    )
    slices: tuple[str | Columns, ...] = Field(
        default=(), description="columns, or lists of columns, whose groups are measured and not judged"
    )
    bands: dict[str, tuple[float, ...]] = Field(
        default_factory=dict,
        description="column -> edges, ascending; an edge belongs to the band above it: [18, 65] makes `under 18`, "
        "`18 to under 65`, `65 and over`. Needed for a column of type number: a cut is declared, never guessed",
    )
    names: dict[str, dict[str, str]] = Field(
        default_factory=dict, description="column -> value or band -> what the group is called in report and tables"
    )
    favourable: Literal[0, 1] | None = Field(
        default=None, description="decision that is good for a person: the rate of the selected counts it; default 1"
    )
    min_group: Annotated[int, Field(ge=11)] = Field(
        default=30, description="rows behind a number of a group; below, the group is listed as insufficient"
    )
    proxy_rows: Annotated[int, Field(ge=0, le=100_000)] = Field(
        default=2000, description="rows of the recorded sample on which features are tested as a proxy; 0: no test"
    )

    @property
    def counted(self) -> int:
        """The decision that the rate of the selected counts."""
        return 1 if self.favourable is None else self.favourable

    @property
    def crossed(self) -> tuple[Columns, ...]:
        """The intersections, spelt out."""
        if isinstance(self.intersections, bool):
            return tuple(combinations(self.protected, 2)) if self.intersections else ()
        return self.intersections

    @property
    def sliced(self) -> tuple[Columns, ...]:
        """The slices, each as a tuple of columns."""
        return tuple((each,) if isinstance(each, str) else each for each in self.slices)


def band_names(edges: Sequence[float]) -> tuple[str, ...]:
    """Return what the bands between `edges` are called without `names`, from the lowest; at least one edge."""
    told = [f"{edge:.15g}" for edge in edges]
    inner = [f"{low} to under {high}" for low, high in pairwise(told)]
    return f"under {told[0]}", *inner, f"{told[-1]} and over"


def broken_fairness(raw: Any, columns: dict[str, Any], task: Any, policy: dict[str, Any]) -> Iterator[Broken]:
    """Hold the groups against columns, task and policy."""
    given = mapping(raw)
    for place, name in _named(given):
        yield from ((place, text) for text in _unusable(name, given, columns))
    for name, edges in mapping(given.get("bands")).items():
        yield from ((("fairness", "bands", name), text) for text in _band_faults(name, edges, given, columns))
    for name, called in mapping(given.get("names")).items():
        edges = _numbers(mapping(given.get("bands")).get(name))
        yield from ((("fairness", "names", name), text) for text in _name_faults(mapping(called), edges))
    protected = _texts(given.get("protected"))
    for each in _lists(given.get("intersections")):
        for name in [name for name in each if name not in protected]:
            yield ("fairness", "intersections"), f"'{name}' is not in `protected`.{did_you_mean(name, protected)}"
        if len(set(each)) < 2 or len(set(each)) < len(each):
            yield ("fairness", "intersections"), "each needs two different columns of `protected` or more"
    if given and isinstance(task, str) and task not in FAIR:
        yield ("fairness",), f"is measured of a {' or '.join(FAIR)} model only"
    if given.get("favourable") is not None and task == "regression":
        yield ("fairness", "favourable"), "belongs to a binary model: a regression model decides nothing"
    limits = mapping(policy.get("fairness"))
    if _is_limited(limits.get("proxy_auc")) and given.get("proxy_rows") == 0:
        yield ("policy", "fairness", "proxy_auc"), "is not measured with `fairness.proxy_rows: 0`"
    yield from _judged(limits, protected, task)


def protected_groups(raw: Any) -> tuple[str, ...]:
    """Return the protected attributes of raw data, intersections too, as the numbers about them are called."""
    given = mapping(raw)
    protected, crossed = _texts(given.get("protected")), _lists(given.get("intersections"))
    if given.get("intersections") is True:
        crossed = [list(pair) for pair in combinations(protected, 2)]
    return (*protected, *(JOIN.join(each) for each in crossed))


def _named(given: dict[str, Any]) -> Iterator[tuple[tuple[str, ...], str]]:
    """Every column that is named, with its place."""
    for name in _texts(given.get("protected")):
        yield ("fairness", "protected"), name
    for each in [*[[name] for name in _texts(given.get("slices"))], *_lists(given.get("slices"))]:
        for name in each:
            yield ("fairness", "slices"), name
    for name in mapping(given.get("names")):
        yield ("fairness", "names"), str(name)


def _unusable(name: str, given: dict[str, Any], columns: dict[str, Any]) -> Iterator[str]:
    """Why a column cannot make groups."""
    if name not in columns:
        yield f"'{name}' is not in `columns` of this file.{did_you_mean(name, columns)}"
        return
    column = mapping(columns[name])
    if column.get("role") in ("row_id", "subject_id") or column.get("privacy") == "direct_identifier":
        yield f"'{name}' tells persons apart and makes no groups"
    elif column.get("type") not in WHOLE and name not in mapping(given.get("bands")):
        cut = column.get("type") in BANDED
        remedy = f"give its edges, e.g. `bands: {{{name}: [18, 65]}}`" if cut else "use a column of groups instead"
        yield f"'{name}' is of type {column.get('type')}: {remedy}"


def _band_faults(name: str, edges: Any, given: dict[str, Any], columns: dict[str, Any]) -> Iterator[str]:
    """What is wrong with the edges of one column."""
    kind = mapping(columns.get(name)).get("type")
    if name not in {column for _, column in _named(given)}:
        yield "is neither in `protected` nor in `slices`"
    elif kind not in BANDED:
        yield f"is of type {kind}: only a number or an integer is cut into bands"
    numbers = _numbers(edges)
    if not numbers or any(low >= high for low, high in pairwise(numbers)):
        yield "must be a list of edges, each above the one before"


def _name_faults(called: dict[str, Any], edges: list[float]) -> Iterator[str]:
    """What is wrong with the names of one column's groups."""
    if len({str(name) for name in called.values()}) < len(called):
        yield "gives two groups the same name"
    bands = (*band_names(edges), MISSING) if edges else ()
    for key in called:
        if bands and key not in bands:
            yield f"'{key}' is no band of this column. There are: {', '.join(bands)}"


def _judged(policy: dict[str, Any], protected: list[str], task: Any) -> Iterator[Broken]:
    """What the policy limits must be measured."""
    known = FAIR.get(str(task), ())
    for name, floor in policy.items():
        if not _is_limited(floor):
            continue
        if not protected:
            yield ("policy", "fairness", name), "is judged over `fairness.protected`, which names no column"
        elif known and name not in known and any(name in names for names in FAIR.values()):
            yield ("policy", "fairness", name), f"is not measured of a {task} model. There are: {', '.join(known)}"


def _is_limited(floor: Any) -> bool:
    """Whether a raw floor gives any bound."""
    return any(bound is not None for bound in mapping(floor).values())


def _texts(value: Any) -> list[str]:
    """The texts of a raw list."""
    return [each for each in value if isinstance(each, str)] if isinstance(value, list | tuple) else []


def _numbers(value: Any) -> list[float]:
    """The numbers of a raw list."""
    return [each for each in value if isinstance(each, int | float)] if isinstance(value, list | tuple) else []


def _lists(value: Any) -> list[list[str]]:
    """The lists of texts in a raw list."""
    return [_texts(each) for each in value if isinstance(each, list | tuple)] if isinstance(value, list | tuple) else []
