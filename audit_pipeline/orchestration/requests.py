"""What is due as runs to request: one per night, of the models that are due."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

import dagster as dg

from audit_pipeline.due import Due
from audit_pipeline.orchestration.assets import key
from audit_pipeline.records import Stage


def requests(due: Sequence[Due]) -> Iterator[dg.RunRequest]:
    """Yield one run per night, in order of date: runs are started in the order in which they were requested.

    Without a run key, which would refuse for ever what returns to a state it was in before; a request that is made
    twice ends in the same result, and therefore in no new record.
    """
    by_night: dict[str, list[Due]] = defaultdict(list)
    for item in due:
        by_night[item.night.isoformat()].append(item)
    for night, items in sorted(by_night.items()):
        selection = [key(item.model_id, stage) for item in items for stage in Stage]
        yield dg.RunRequest(partition_key=night, asset_selection=selection)
