"""How the report writes a number: enough digits to judge by, none that mean nothing, and never a blank.

A share is written in per cent, and neither end is rounded into a lie: 0.03 % is "< 0.1 %", 99.97 % is
"> 99.9 %". A value and its limit are written with as many digits as it takes to see which one is larger.
"""

import math
import re

from audit_pipeline.records import Outcome

SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
MINUS = "\u2212"  # as wide as a digit
GAP = "\u00a0"  # keeps a number and its unit on one line
WORDS = {
    "psi": "PSI",
    "ks": "KS distance",
    "jensen_shannon": "Jensen-Shannon",
    "wasserstein": "Wasserstein",
    "total_variation": "total variation",
    "missing_share": "rise of the missing share",
    "new_category_share": "new categories",
    "vanished_category_share": "vanished categories",
    "chi_square": "chi-square test",
    "domain_auc": "AUC of telling night from reference",
    "largest_psi": "largest PSI",
    "labelled": "labelled rows",
    "row_id_unique": "unique row ids",
    "auc": "AUC",
    "auprc": "AUPRC",
    "pr_auc": "AUPRC",
    "rmse": "RMSE",
    "mae": "MAE",
    "r2": "R²",
    "mape": "MAPE",
    "brier": "Brier score",
    "log_loss": "log loss",
    "ece": "calibration error (ECE)",
    "f1": "F1",
    "macro_f1": "macro F1",
    "weighted_f1": "weighted F1",
    "tpr": "TPR",
    "fpr": "FPR",
    "ppv": "PPV",
    "proxy_auc": "proxy test (AUC)",
    "mae_difference": "MAE difference",
    "ndcg": "NDCG of the features",
    "wasserstein_max": "largest move of contributions",
}

SHARES = ("completeness", "accuracy", "consistency", "selection_rate", "tpr", "fpr", "ppv")


def word(outcome: Outcome) -> str:
    """Return the outcome as it is read: "NOT EVALUATED" with a space."""
    return outcome.value.replace("_", " ")


def name_of(name: str) -> str:
    """Return how a metric or finding is called on the page; a check keeps its name, `type(column)`."""
    if name.startswith("evidently:"):
        return f"Evidently {name_of(name.removeprefix('evidently:'))}"
    metric, _, rule = name.partition(":")
    if rule:  # auc:worse_than_reference
        return f"{name_of(metric)}, {rule.replace('_', ' ')}"
    return WORDS.get(name, name if "(" in name else name.replace("_", " "))


def is_share(name: str) -> bool:
    """Tell whether a number of this name is a share of something, and so is written in per cent."""
    return name.endswith("share") or name in SHARES


def number(value: float, *, digits: int = 3) -> str:
    """Write a finite number with `digits` significant digits and thousands separators; a whole one in full."""
    if not math.isfinite(value):
        return "not a finite number"
    if value == 0:
        return "0"
    size = math.floor(math.log10(abs(value)))
    if size < -4 or size >= 12:
        return scientific(value, digits=digits)
    if value == int(value):
        return f"{int(value):,}".replace("-", MINUS)
    return f"{value:,.{max(0, digits - 1 - size)}f}".replace("-", MINUS)


def scientific(value: float, *, digits: int) -> str:
    """Write a finite number as 3.10 × 10⁻¹⁶."""
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    return f"{mantissa.replace('-', MINUS)}{GAP}×{GAP}10{str(int(exponent)).translate(SUPERSCRIPT)}"


def signed(value: float) -> str:
    """Write a correlation: two decimals and always a sign."""
    return f"{value:+.2f}".replace("-", MINUS) if math.isfinite(value) else "not a finite number"


def short(written: str, value: float) -> str:
    """Return `written` if it fits beside a drawing, else the number with three digits and a power of ten."""
    return written if len(written) <= 9 else scientific(value, digits=3)


def share(value: float, *, places: int = 1) -> str:
    """Write a share of 1 in per cent; what is not quite 0 % or 100 % is not written as such."""
    if not math.isfinite(value):
        return "not a finite number"
    percent, least = 100 * value, 10.0**-places
    if 0 < abs(percent) < least:
        return f"{'<' if value > 0 else '>'}{GAP}{MINUS if value < 0 else ''}{least:.{places}f}{GAP}%"
    if 100 - least < percent < 100:
        return f">{GAP}{100 - least:.{places}f}{GAP}%"
    if percent in (0.0, 100.0):
        return f"{percent:.0f}{GAP}%"
    return f"{percent:,.{places}f}{GAP}%".replace("-", MINUS)


def quantity(name: str, value: float) -> str:
    """Write the number of a metric or finding called `name`, in the unit the name implies."""
    return share(value) if is_share(name) else number(value)


def against(name: str, value: float, limit: float) -> tuple[str, str]:
    """Write a value and its limit, with digits added to the value until two different numbers look different."""
    line = bound(name, limit)
    if value == limit:
        return line, line
    written = ""
    for digits in range(3, 12):
        written = share(value, places=digits - 2) if is_share(name) else number(value, digits=digits)
        if _bare(written) != line:
            break
    return written, line


def bound(name: str, limit: float) -> str:
    """Write a limit or an axis number: as the owner wrote it, without zeros at its end."""
    return _bare(share(limit, places=4) if is_share(name) else number(limit, digits=6))


def _bare(written: str) -> str:
    """Drop the zeros that end a decimal fraction."""
    digits, gap, unit = written.partition(GAP)
    return (digits.rstrip("0").rstrip(".") if "." in digits else digits) + gap + unit


def count(n: int, noun: str) -> str:
    """Write "1 row", "727 rows", "no rows"."""
    return f"{n:,}{GAP}{noun}{'' if n == 1 else 's'}" if n else f"no {noun}s"


def size(n: int) -> str:
    """Write a file size in bytes, kB or MB."""
    if n < 1000:
        return f"{n}{GAP}B"
    return f"{n / 1000:,.1f}{GAP}kB" if n < 1_000_000 else f"{n / 1_000_000:,.1f}{GAP}MB"


def parts(name: str) -> list[str]:
    """Split a long name where a line may break: after underscores, dots and brackets."""
    return re.findall(r"[^_.()/]+[_.()/]*|[_.()/]+", name)
