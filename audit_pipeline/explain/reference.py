"""The reference's rows as the model explains them: what a night's explanation is held against.

They are the same every night, so they are explained once and kept beside the reference's columns (`cached.py`), under
an address that names reference, model file, program and settings. A reference that is a window of nights is another
one each night, and is not kept.
"""

import io
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from audit_pipeline.cached import Cached
from audit_pipeline.config import ModelConfig
from audit_pipeline.errors import ExplainError
from audit_pipeline.explain.engine_shap import Attribution, attribute
from audit_pipeline.explain.inputs import Floats, Predictor, as_trained, finite
from audit_pipeline.explain.sample import draw
from audit_pipeline.records import PermutationImportance
from audit_pipeline.revive import revived
from audit_pipeline.small_cells import of_in_words, told

if TYPE_CHECKING:
    import pandas as pd

VERSION = 1  # of what is kept
LABEL = "label"  # column of the outcomes, where the reference has some
FEWEST = 50  # rows


@dataclass(frozen=True, slots=True)
class Beside:
    """What stands beside the night: earlier rows, outcomes, and where the former's explanation is kept."""

    references: tuple[Path, ...] = ()
    labels: Path | None = None
    kept: Cached | None = None  # None: the reference is another one every night
    program: str = ""  # what else a kept number depends on: code and packages


@dataclass(frozen=True, slots=True)
class Explained:
    """The reference's SHAP values."""

    values: Floats  # (k, features)
    centre: Floats | None  # (features,), as of `Attribution`
    deviations: Floats  # (features,) standard deviations of the columns; NaN for what is no number
    n: int  # k, as it may be told


class Reference:
    """A seeded sample of the reference, read when it is asked for."""

    def __init__(
        self, model: Predictor, config: ModelConfig, beside: Beside, *, sha256: str, seed: int, rows: int
    ) -> None:
        """`sha256`: of the model's file; `rows`: upper bound of the sample."""
        self._model, self._config, self._beside = model, config, beside
        self._sha256, self._seed, self._rows = sha256, seed, rows

    def explained(self) -> Explained:
        """Return its SHAP values.

        Raises:
            ExplainError: there is no reference, it lacks a column, or has too few rows.
        """
        kept = np.load(io.BytesIO(self._kept("attribution", self._explain)), allow_pickle=False)
        centre = kept["centre"] if kept["centre"].size else None
        return Explained(kept["values"], centre, kept["deviations"], int(kept["n"]))

    def permutation(
        self, compute: Callable[["pd.DataFrame", Floats, int], PermutationImportance]
    ) -> PermutationImportance:
        """Return what `compute` makes of its rows, their outcomes and the number of rows in the sample.

        Raises:
            ExplainError: as `explained`, or it has no outcomes.
        """

        def labelled() -> bytes:
            if not self._labelled:
                raise ExplainError("Neither the night nor the reference has enough outcomes yet.")
            outcome = np.asarray(self._sample[LABEL].astype(np.float64), dtype=np.float64)
            known = np.isfinite(outcome)
            return json.dumps(asdict(compute(self.frame[known], outcome[known], len(known)))).encode()

        found: PermutationImportance = revived(PermutationImportance, json.loads(bytes(self._kept("loss", labelled))))
        return found

    @cached_property
    def frame(self) -> "pd.DataFrame":
        """Its rows, in training types; none holds an infinite number."""
        return self._typed(self._sample)

    def _typed(self, sample: "pd.DataFrame") -> "pd.DataFrame":
        types = {name: str(column.type) for name, column in self._config.columns.items()}
        return as_trained(sample, self._model.columns, types)

    @cached_property
    def _sample(self) -> "pd.DataFrame":
        """The drawn rows that can be explained."""
        lacking = [name for name in self._model.columns if name not in self._there]
        if lacking:
            raise ExplainError(f"The reference lacks columns of the model: {', '.join(lacking)}. Add them to its file.")
        columns = (*self._model.columns, *([LABEL] if self._labelled else []))
        row_id = self._config.row_id if self._config.row_id in self._there else None
        drawn = draw(self._beside.references, columns, row_id=row_id, seed=self._seed, rows=self._rows)
        usable = finite(self._typed(drawn))
        if usable.sum() < FEWEST:
            told_rows = of_in_words(int(usable.sum()), len(usable))
            raise ExplainError(f"{told_rows} reference rows have no infinite feature; an explanation needs {FEWEST}.")
        return drawn[usable].reset_index(drop=True)

    @property
    def _labelled(self) -> bool:
        return bool(self._config.reference.label) and LABEL in self._there

    @cached_property
    def _there(self) -> set[str]:
        """The columns that every file of the reference has."""
        import pyarrow.parquet as pq

        if not self._beside.references:
            raise ExplainError("There is no reference to hold the explanation against.")
        return set.intersection(*(set(pq.read_schema(path).names) for path in self._beside.references))

    def _explain(self) -> bytes:
        """Explain its rows; return what is kept."""
        found = attribute(self._model, self.frame, seed=self._seed)
        if not found.adds_up:
            raise ExplainError("The SHAP values of the reference do not add up to the model's output.")
        out = io.BytesIO()
        np.savez(
            out,
            values=found.values,
            centre=np.empty(0) if found.centre is None else found.centre,
            deviations=deviations(self.frame),
            n=told(len(found.values), len(self.frame)),
        )
        return out.getvalue()

    def against_it(self, night: Attribution, explained: Explained, frame: "pd.DataFrame", *, rows: int) -> Floats:
        """Return the night's SHAP values against the reference's background.

        Args:
            night: against its own.
            explained: the reference.
            frame: the night's rows, in training types.
            rows: of a black box, which must be asked anew.
        """
        if night.centre is not None and explained.centre is not None:
            return np.asarray(night.values + (night.centre - explained.centre), dtype=np.float64)
        some = frame.iloc[night.picked[:rows]]
        return attribute(self._model, self.frame, seed=self._seed, only=some).values

    def _kept(self, what: str, compute: Callable[[], bytes]) -> memoryview:
        """Return what was kept, or is now."""
        kept = self._beside.kept
        if kept is None:
            return memoryview(compute())
        columns = {name: [column.type, column.role] for name, column in self._config.columns.items()}
        settings = [self._config.task, columns, self._seed, self._rows]
        return kept.content([VERSION, kept.folder.name, what, self._sha256, self._beside.program, settings], compute)


def deviations(frame: "pd.DataFrame") -> Floats:
    """Return (features,) standard deviations of the numeric columns, NaN for the others."""
    numbers = [frame[name].to_numpy() if frame[name].dtype.kind in "if" else None for name in frame.columns]
    return np.array([np.nan if column is None or np.isnan(column).all() else np.nanstd(column) for column in numbers])
