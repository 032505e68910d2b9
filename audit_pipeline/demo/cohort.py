"""Who trains, who is the reference, and who is replayed on which night.

Persons recur (5,912 persons in 20,190 person-years), so the split is by person (`zper`), never by row: half of the
persons train the models on their first study year and are seen nowhere else; the other half's first year is the
reference, and their years 2 to 5 are shuffled over years and sites into the nights. A study year is not a date:
the nights are a replay.
"""

import hashlib
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

FIRST_NIGHT = date(2026, 1, 1)
NIGHTS = tuple(FIRST_NIGHT + timedelta(days=i) for i in range(10))
LABEL_DELAY_NIGHTS = 2  # so the last two nights of the replay are still without labels

# From the raw file as it is; nothing is cleaned away. What the file measures in the same year (`*dol`, `*vis`,
# `totadm`, `inpmis`, `binexp`, `lnmeddol`) is the outcome and no feature; `year` is the split; `time` (share of the
# year in the study) is known only at its end; logarithms and recodings of other columns add nothing.
NUMBERS = ("income", "xage", "educdec", "black", "mhi", "disea", "physlm", "ghindx", "mdeoff")
INTEGERS = ("female", "num", "child", "coins", "idp", "tookphys")
CATEGORIES = ("health", "plan", "site")


@dataclass(frozen=True)
class Cohorts:
    """Three disjoint sets of rows in prepared columns; `nights` are in the order of NIGHTS."""

    training: "pd.DataFrame"
    reference: "pd.DataFrame"
    nights: dict[date, "pd.DataFrame"]


def prepare(raw: "pd.DataFrame") -> "pd.DataFrame":
    """Return person, study year, features and outcomes, sorted by person and year.

    `health` joins the three dummies of self-rated health (excellent is the omitted one); `site` and `plan` become
    names, since their numbers are codes. Sites stand for client organisations.
    """
    import pandas as pd

    raw = raw.sort_values(["zper", "year"], ignore_index=True)
    table = raw[["zper", "year", *NUMBERS, *INTEGERS]].copy()
    chosen = [raw["hlthp"] == 1, raw["hlthf"] == 1, raw["hlthg"] == 1]
    table["health"] = pd.Series(np.select(chosen, ["poor", "fair", "good"], "excellent"), dtype=object)
    table["plan"] = np.array([f"plan_{code:02d}" for code in raw["plan"]], dtype=object)
    table["site"] = np.array([f"site_{code}" for code in raw["site"]], dtype=object)
    # Outpatient visits are `mdvis`, the one visit count that statsmodels documents ("number of outpatient visits
    # to an MD"). `notmdvis` (other providers) and `mentvis` (mental health) are other things and stay out.
    table["visits"] = raw["mdvis"]
    table["admissions"] = raw["totadm"]
    return table


def trains(person: int, *, seed: int) -> bool:
    """Say whether a person belongs to the training half: a hash, so that it depends on nobody else."""
    return hashlib.sha256(f"{seed}:{person}".encode()).digest()[0] < 128


def split(table: "pd.DataFrame", *, seed: int) -> Cohorts:
    """Return training, reference and nights of `prepare`'s table; the same for the same seed."""
    train = table["zper"].map({person: trains(person, seed=seed) for person in table["zper"].unique()})
    first = table["year"] == 1
    later = table[~train & ~first]
    order = np.random.default_rng([seed, 1]).permutation(len(later))
    parts = np.array_split(order, len(NIGHTS))
    nights = {night: later.iloc[part].reset_index(drop=True) for night, part in zip(NIGHTS, parts, strict=True)}
    return Cohorts(
        training=table[train & first].reset_index(drop=True),
        reference=table[~train & first].reset_index(drop=True),
        nights=nights,
    )
