"""What may be said about a fault inside foreign code.

A message of scikit-learn, skops or SHAP can quote a row's value ("could not convert string to float: ..."),
so only the class of the exception and our own sentence go on; the original stays behind as `__cause__`.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from audit_pipeline.errors import AuditError, ExplainError


@contextmanager
def guarded(what: str, *, advice: str) -> Iterator[None]:
    """Turn any foreign exception into an ExplainError, and keep foreign warnings off the log.

    Args:
        what: what was being done, as the subject of a sentence, e.g. "Scoring the sample".
        advice: what to do next.

    Raises:
        ExplainError: `what` raised something; errors of our own pass through unchanged.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # they may quote values, as the exceptions do
            yield
    except AuditError:
        raise
    except Exception as error:
        raise ExplainError(f"{what} raised {type(error).__name__}. {advice}") from error
