"""What is due as runs to request: one per night, of the models that are due."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

import dagster as dg

from audit_pipeline.due import Due
from audit_pipeline.records import Stage


def requests(due: Sequence[Due]) -> Iterator[dg.RunRequest]:
    """Yield one run per night, in order of date: runs are started in the order in which they were requested."""
    by_night: dict[str, list[Due]] = defaultdict(list)
    for item in due:
        by_night[item.night.isoformat()].append(item)
    for night, items in sorted(by_night.items()):
        yield dg.RunRequest(
            run_key="|".join([night, *(f"{i.model_id}:{i.fingerprint[:16]}" for i in items)]),
            partition_key=night,
            asset_selection=[dg.AssetKey([i.model_id, stage.value]) for i in items for stage in Stage],
        )
