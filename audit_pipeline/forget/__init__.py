"""What must go: the rows of a person (`erase`), and files whose time is over (`purge`)."""

from audit_pipeline.forget.erase import Erased, ErasedFile, erase
from audit_pipeline.forget.purge import Kept, Purged, Why, purge

__all__ = ["Erased", "ErasedFile", "Kept", "Purged", "Why", "erase", "purge"]
