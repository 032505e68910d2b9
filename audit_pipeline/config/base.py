"""What every configuration object has in common."""

from pydantic import BaseModel, ConfigDict


class Strict(BaseModel):
    """Frozen; an unknown key is a fault, never ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())
