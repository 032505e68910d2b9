"""Does the same result come out again? A past model-night, computed anew from what the store holds only."""

from audit_pipeline.replay.differences import Difference
from audit_pipeline.replay.replay import Replayed, ReplayOutcome, replay

__all__ = ["Difference", "ReplayOutcome", "Replayed", "replay"]
