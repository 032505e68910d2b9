"""How decisions and errors are distributed over protected groups and slices: exact, over all rows.

A number is one line of `GROUP_BINARY` or `GROUP_REGRESSION`. A group of fewer than 11 rows is neither named nor
measured; one with fewer rows behind a number than `min_group` is listed as insufficient, never dropped; one that the
reference has and the night has not is listed as absent. Whoever has no value is the group `missing`: compared like any
other, but nobody is compared with it; nor with a group under 2 % of the rows, whose rate says little.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from audit_pipeline.config.fairness import MISSING
from audit_pipeline.config.model import ModelConfig
from audit_pipeline.errors import MetricError
from audit_pipeline.metrics.cells import Cell, Cells, count, crowded, night_sql
from audit_pipeline.metrics.compared import Groups, group_metrics
from audit_pipeline.metrics.group_metrics import GROUP_BINARY, GROUP_REGRESSION
from audit_pipeline.metrics.groups import MOST, Attribute, Key, Naming, attributes
from audit_pipeline.metrics.labelled import reference_sql
from audit_pipeline.metrics.proxy import METRIC, Drawn, draw, proxy
from audit_pipeline.metrics.read import Table, connect
from audit_pipeline.records import SMALL_CELL, Grouping, GroupMetric
from audit_pipeline.records import Fairness as Measured

SMALL_SHARE = 0.02  # of the rows; Local Law 144 (6 RCNY 5-301) lets an auditor leave such groups out


def measure_fairness(
    current: Path,
    labels: Path | None,
    reference: Sequence[Path],
    model: ModelConfig,
    *,
    seed: int,
    threads: int,
    memory: str,
) -> Measured:
    """Measure the groups that the model file declares.

    Args:
        current: the night's canonical Parquet file.
        labels: columns row_id and `label`; None: what needs labels is left out.
        reference: canonical Parquet files; may be empty, and lack columns or labels.
        model: has `fairness`.
        seed: of the sample for the proxy test.
        threads: of DuckDB.
        memory: of DuckDB, as in "1GB".

    Raises:
        MetricError: the model file declares no groups, a file cannot be read, or the rows cannot be counted.
    """
    config = model.fairness
    if config is None:
        raise MetricError("the model file declares no groups under `fairness`")
    naming, wanted = Naming(model, config), attributes(config)
    with connect(threads=threads, memory=memory) as con:
        night = Table(con, [current])
        sql = night_sql(night, Table(con, [labels]) if labels else None, model)
        columns = tuple(dict.fromkeys(column for each in wanted for column in each.columns))
        full = crowded(night, sql, naming, columns) if columns else set()
        counted = [each for each in wanted if not full & set(each.columns)]
        cells = count(night, sql, naming, counted) if counted else {}
        before = _before(Table(con, reference), model, naming, counted)
        drawn = _drawn(night, naming, full, seed=seed)
    labelled = sum(cell.labelled for cell in cells[counted[0].name].values()) if counted else 0
    found = tuple(_grouping(each, cells, before, naming, wanted, full) for each in wanted)
    return Measured(
        groupings=tuple(
            _with_proxy(each, grouping, drawn, naming) for each, grouping in zip(wanted, found, strict=True)
        ),
        favourable=config.counted if model.task == "binary" else None,
        min_group=config.min_group,
        labelled=labelled,
        proxy_rows=drawn.rows if isinstance(drawn, Drawn) else 0,
        seed=seed,
    )


def _before(reference: Table, model: ModelConfig, naming: Naming, wanted: Sequence[Attribute]) -> Cells:
    """Count the groups of the reference; an attribute whose columns it lacks has none there."""
    known = [each for each in wanted if set(each.columns) <= set(reference.types)]
    try:
        return count(reference, reference_sql(reference, model), naming, known) if known and reference.rows else {}
    except MetricError:
        return {}  # the night's numbers stand without it


def _grouping(
    attribute: Attribute, cells: Cells, before: Cells, naming: Naming, wanted: Sequence[Attribute], full: set[str]
) -> Grouping:
    """Measure one attribute."""
    empty = Grouping(attribute.kind, attribute.name, (), None, 0)
    if over := [column for column in attribute.columns if column in full]:
        why = f"{', '.join(over)} has more than {MOST} values: use `bands`, or a column of groups"
        return replace(empty, reason=why)
    night, earlier = cells[attribute.name], before.get(attribute.name, {})
    names = _shown(attribute, night, earlier, naming)
    if len(names) > MOST:
        return replace(empty, reason=f"there are more than {MOST} groups")
    if len(set(names.values())) < len(names):
        return replace(empty, reason="two groups are called the same: change `names`")
    groups = _groups(attribute, night, names, naming, wanted)
    metrics, compared_with = group_metrics(groups, {name: night.get(key) for key, name in names.items()})
    old, _ = group_metrics(groups, {name: earlier.get(key) for key, name in names.items()})
    values = {(metric.group, metric.metric): metric.value for metric in old}
    metrics = [replace(metric, reference=values.get((metric.group, metric.metric))) for metric in metrics]
    hidden = sum(cell.n < SMALL_CELL for cell in night.values())
    return replace(empty, metrics=tuple(metrics), compared_with=compared_with, hidden=hidden)


def _shown(
    attribute: Attribute, night: Mapping[Key, Cell], earlier: Mapping[Key, Cell], naming: Naming
) -> dict[Key, str]:
    """Name the groups that are shown, in order: of 11 rows tonight, or absent tonight and of 11 in the reference."""
    absent = [key for key, cell in earlier.items() if key not in night and cell.n >= SMALL_CELL]
    shown = [*(key for key, cell in night.items() if cell.n >= SMALL_CELL), *absent]
    ordered = sorted(shown, key=lambda key: naming.place(attribute.columns, key))
    return {key: naming.group(attribute.columns, key) for key in ordered}


def _groups(
    attribute: Attribute,
    night: Mapping[Key, Cell],
    names: Mapping[Key, str],
    naming: Naming,
    wanted: Sequence[Attribute],
) -> Groups:
    """Say how the groups are measured, and which of them others may be compared with."""
    config, rows = naming.config, sum(cell.n for cell in night.values())
    large = [key for key in names if key in night and night[key].n >= SMALL_SHARE * rows and MISSING not in key]
    return Groups(
        kinds=GROUP_BINARY if naming.model.task == "binary" else GROUP_REGRESSION,
        favourable=config.counted,
        least=config.min_group,
        attributes=sum(each.kind == attribute.kind for each in wanted),
        named=frozenset(names[key] for key in large),
    )


def _drawn(night: Table, naming: Naming, full: set[str], *, seed: int) -> Drawn | MetricError | None:
    """Draw the sample of the proxy test; None when there is no test."""
    config = naming.config
    columns = [column for column in config.protected if column not in full]
    if not columns or not config.proxy_rows or not night.rows:
        return None
    try:
        return draw(night, naming, columns, seed=seed, rows=config.proxy_rows)
    except MetricError as error:
        return error


def _with_proxy(
    attribute: Attribute, grouping: Grouping, drawn: Drawn | MetricError | None, naming: Naming
) -> Grouping:
    """Add the proxy test of a single protected column, or the reason why it has no result."""
    if drawn is None or attribute.kind != "protected" or len(attribute.columns) > 1 or grouping.reason:
        return grouping
    tests = sum(len(each.columns) == 1 for each in attributes(naming.config) if each.kind == "protected")
    try:
        if isinstance(drawn, MetricError):
            raise drawn
        found = proxy(drawn, attribute, naming, least=naming.config.min_group, tests=tests)
    except MetricError as error:
        found = [GroupMetric(None, METRIC, None, None, None, 0, None, reason=str(error))]
    return replace(grouping, metrics=(*grouping.metrics, *found))
