"""What the product knows of each official expectation: what it reads, which score it feeds, what it may show.

A verdict must not change because a night has grown past the size at which DuckDB takes over from pandas.
So an expectation runs on both engines with equal outcomes, or always on the one engine that has it, or it
is refused with the reason when the suite is loaded.
"""

from dataclasses import dataclass
from typing import Literal

Reads = Literal["any", "ordered", "numeric", "text", "alike"]
Score = Literal["completeness", "accuracy", "consistency"]
Shows = Literal["nothing", "number", "quantiles", "declared", "distinct", "columns", "rows"]

ORDERED = ("number", "integer", "date", "timestamp")
NUMERIC = ("number", "integer")
READABLE: dict[Reads, tuple[str, ...]] = {
    "any": ("number", "integer", "category", "boolean", "date", "timestamp"),
    "alike": ("number", "integer", "category", "boolean", "date", "timestamp"),
    "ordered": ORDERED,
    "numeric": NUMERIC,
    "text": ("category",),
}
FAMILY = {
    "number": "numeric",
    "integer": "numeric",
    "category": "text",
    "boolean": "boolean",
    "date": "time",
    "timestamp": "time",
}


@dataclass(frozen=True, slots=True)
class Kind:
    """One official expectation type."""

    reads: Reads = "any"  # column types it makes sense for; alike: several columns of one family
    counts: Literal["values", "aggregate", "table"] = "values"  # what it looks at
    score: Score | None = None  # the quality score its unexpected values enter
    base: Literal["present", "rows"] = "present"  # what the n of an aggregate counts
    shows: Shows = "nothing"  # what of its observed value is an aggregate
    only: Literal["pandas", "duckdb"] | None = None  # the one engine that has it
    refused: str | None = None  # why a suite may not ask for it


_TYPES = "is not needed: a snapshot holds the declared type of every column, and engines name types differently"
_ORDER = "asks for an order of rows, and a snapshot is sorted by its row_id"
_LIKE = "is not the same on both engines; write the pattern for expect_column_values_to_match_regex"
_OTHER = "needs a second table; a night is checked by itself"


def _values(score: Score | None, reads: Reads = "any", only: Literal["pandas"] | None = None) -> Kind:
    """An expectation on each value or row."""
    return Kind(reads=reads, score=score, only=only)


def _aggregate(shows: Shows, reads: Reads = "any") -> Kind:
    """An expectation on one number of a column."""
    return Kind(reads=reads, counts="aggregate", shows=shows)


def _table(shows: Shows = "number") -> Kind:
    """An expectation on the table as a whole."""
    return Kind(counts="table", shows=shows)


KINDS: dict[str, Kind] = {
    "expect_column_values_to_not_be_null": _values("completeness"),
    "expect_column_values_to_be_null": _values(None),
    "expect_column_values_to_be_between": _values("accuracy", "ordered"),
    "expect_column_values_to_be_in_set": _values("accuracy"),
    "expect_column_values_to_not_be_in_set": _values("accuracy"),
    "expect_column_values_to_match_regex": _values("accuracy", "text"),
    "expect_column_values_to_not_match_regex": _values("accuracy", "text"),
    "expect_column_values_to_match_regex_list": _values("accuracy", "text"),
    "expect_column_values_to_not_match_regex_list": _values("accuracy", "text"),
    "expect_column_value_lengths_to_be_between": _values("accuracy", "text"),
    "expect_column_value_lengths_to_equal": _values("accuracy", "text"),
    "expect_column_value_z_scores_to_be_less_than": _values("accuracy", "numeric"),
    "expect_column_values_to_not_be_outliers": _values("accuracy", "numeric", "pandas"),
    "expect_column_values_to_be_json_parseable": _values("accuracy", "text", "pandas"),
    "expect_column_values_to_be_dateutil_parseable": _values("accuracy", "text", "pandas"),
    "expect_column_values_to_match_json_schema": _values("accuracy", "text", "pandas"),
    "expect_column_values_to_match_strftime_format": _values("accuracy", "text", "pandas"),
    "expect_column_values_to_be_unique": _values("consistency"),
    "expect_compound_columns_to_be_unique": _values("consistency"),
    "expect_select_column_values_to_be_unique_within_record": _values("consistency", "alike"),
    "expect_column_pair_values_a_to_be_greater_than_b": _values("consistency", "alike"),
    "expect_column_pair_values_to_be_equal": _values("consistency", "alike"),
    "expect_column_pair_values_to_be_in_set": _values("consistency"),
    "expect_multicolumn_sum_to_equal": _values("consistency", "numeric"),
    "expect_multicolumn_values_to_be_equal": _values("consistency", "alike"),
    "expect_column_mean_to_be_between": _aggregate("number", "numeric"),
    "expect_column_median_to_be_between": _aggregate("number", "numeric"),
    "expect_column_stdev_to_be_between": _aggregate("number", "numeric"),
    "expect_column_sum_to_be_between": _aggregate("number", "numeric"),
    "expect_column_quantile_values_to_be_between": _aggregate("quantiles", "numeric"),
    "expect_column_max_to_be_between": _aggregate("nothing", "ordered"),
    "expect_column_min_to_be_between": _aggregate("nothing", "ordered"),
    "expect_column_kl_divergence_to_be_less_than": _aggregate("number"),
    "expect_column_proportion_of_non_null_values_to_be_between": Kind(counts="aggregate", base="rows", shows="number"),
    "expect_column_proportion_of_unique_values_to_be_between": _aggregate("number"),
    "expect_column_unique_value_count_to_be_between": _aggregate("number"),
    "expect_column_most_common_value_to_be_in_set": _aggregate("declared"),
    "expect_column_distinct_values_to_be_in_set": _aggregate("distinct"),
    "expect_column_distinct_values_to_contain_set": _aggregate("distinct"),
    "expect_column_distinct_values_to_equal_set": _aggregate("distinct"),
    "expect_column_to_exist": _table("nothing"),
    "expect_table_column_count_to_be_between": _table(),
    "expect_table_column_count_to_equal": _table(),
    "expect_table_columns_to_match_ordered_list": _table("columns"),
    "expect_table_columns_to_match_set": _table("columns"),
    "expect_table_row_count_to_be_between": _table(),
    "expect_table_row_count_to_equal": _table(),
    "unexpected_rows_expectation": Kind(counts="table", shows="rows", only="duckdb"),
    "expect_column_type_to_be": Kind(refused=_TYPES),
    "expect_column_values_to_be_of_type": Kind(refused=_TYPES),
    "expect_column_values_to_be_in_type_list": Kind(refused=_TYPES),
    "expect_column_values_to_be_increasing": Kind(refused=_ORDER),
    "expect_column_values_to_be_decreasing": Kind(refused=_ORDER),
    "expect_column_values_to_match_like_pattern": Kind(refused=_LIKE),
    "expect_column_values_to_match_like_pattern_list": Kind(refused=_LIKE),
    "expect_column_values_to_not_match_like_pattern": Kind(refused=_LIKE),
    "expect_column_values_to_not_match_like_pattern_list": Kind(refused=_LIKE),
    "expect_query_results_to_match_comparison": Kind(refused=_OTHER),
    "expect_table_row_count_to_equal_other_table": Kind(refused=_OTHER),
}
