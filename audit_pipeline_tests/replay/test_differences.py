"""Every value of a result that is not as recorded is found, by its path; nothing else is."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from audit_pipeline.replay.differences import Difference, of_form, of_results

LEAF = st.none() | st.booleans() | st.integers(-9, 9) | st.floats(-9, 9) | st.text("ab", max_size=2)
NAMES = st.sampled_from(["drift", "profile", "n", "value"])
VALUE = st.recursive(LEAF, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3))
RESULT = st.dictionaries(NAMES, VALUE, max_size=4)


@given(RESULT)
def test_equal_results_do_not_differ(result: dict[str, Any]) -> None:
    assert list(of_results(result, result)) == []


@given(RESULT, LEAF, LEAF)
def test_one_other_value_is_found_by_its_path(result: dict[str, Any], old: Any, new: Any) -> None:
    recorded, found = ({**result, "drift": {"scores": [result, value]}} for value in (old, new))
    expected = [] if (old, type(old) is bool) == (new, type(new) is bool) else [old, new]
    assert [[d.recorded, d.found] for d in of_results(recorded, found)] == ([expected] if expected else [])
    assert {d.where for d in of_results(recorded, found)} <= {"drift.scores[1]"}


def test_a_field_that_came_later_is_one_of_form_told_once_and_one_that_went_is_one_of_result() -> None:
    before, now = {"drift": [{"n": 1}, {"n": 2}]}, {"drift": [{"n": 1, "x": 2}, {"n": 2, "x": 3}], "later": 3}
    assert list(of_results(before, now)) == []
    assert [(d.kind, d.where) for d in of_form(before, now)] == [("form", "drift[].x"), ("form", "later")]
    assert list(of_form(now, before)) == []
    assert list(of_results({"drift": {"n": 1}}, {"drift": {}})) == [Difference("result", "drift.n", 1, "absent")]
    gone = Difference("result", "drift", "2 items", "1 items")
    assert list(of_results({"drift": [1, 2]}, {"drift": [1]})) == [gone]


def test_values_come_in_the_order_of_the_form_measured_before_judged_and_packages_are_left_to_others() -> None:
    recorded = {"decision": 1, "drift": 1, "validation": 1, "engines": 1}
    found = dict.fromkeys(recorded, 2)
    assert [d.where for d in of_results(recorded, found)] == ["validation", "drift", "decision"]
