"""How long may a model be asked? Its numbers do not depend on it: either all of them are there in time, or none."""

import time

from audit_pipeline.errors import ExplainError

SECONDS = 600


class Budget:
    """Time for one model-night's explanation, from when it is made."""

    def __init__(self, seconds: int = SECONDS) -> None:
        self.seconds = seconds
        self._until = time.monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds that remain; below 0 when it is over."""
        return self._until - time.monotonic()

    def check(self) -> None:
        """Go on while there is time.

        Raises:
            ExplainError: there is none.
        """
        if self.left < 0:
            raise self.over()

    def over(self) -> ExplainError:
        """Return the error that says so."""
        return ExplainError(
            f"The model is slower than its budget of {self.seconds} s. Raise `artefact.seconds` of the model file, "
            "or lower `limits.explain_rows` of project.yaml."
        )
