"""One expectation suite as reviewable YAML: Great Expectations' official types, with a severity each."""

from typing import Annotated, Any, Literal

from pydantic import Field

from audit_pipeline.config.base import Strict
from audit_pipeline.records import Severity


class ExpectationConfig(Strict):
    """One expectation; `kwargs` are Great Expectations' own."""

    type: str = Field(description="official type, e.g. expect_column_values_to_not_be_null")
    severity: Severity = Field(description="critical ends the line, warning warns, info is shown only")
    kwargs: dict[str, Any] = Field(default_factory=dict, description="its arguments, see the list of types")
    notes: str = Field(default="", description="why it is expected; shown in the report")


class SuiteConfig(Strict):
    """The suite of one model."""

    schema_version: Literal[1] = Field(description="version of this file's form")
    model_id: str = Field(description="as in the model file")
    expectations: Annotated[tuple[ExpectationConfig, ...], Field(min_length=1)]
