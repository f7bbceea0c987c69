"""Parsing quickly says what parsing slowly says: every digit, and an error where there is one."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from metrifly_pipeline.exchanges.client import exact_json

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=12,
)


def slowly(text):
    return json.loads(text, parse_float=str, parse_constant=str)


def typed(value):
    """Equal values of other types (1, 1.0 and True) are told apart."""
    if isinstance(value, dict):
        return {key: typed(inner) for key, inner in value.items()}
    return [typed(inner) for inner in value] if isinstance(value, list) else (type(value), value)


@given(value=values)
@example(value=[2**63, 2**64, -(2**63) - 1, 10**30])
@example(value={"a": [{"b": {"c": [1, [2, [0.5]]]}}]})
@example(value=["\ud800", "\x7f", "a\u2028b"])
def test_the_quick_way_says_the_same(value):
    for text in (json.dumps(value), json.dumps(value, ensure_ascii=False)):
        assert typed(exact_json(text)) == typed(slowly(text))
    assert typed(exact_json(json.dumps(value).encode())) == typed(slowly(json.dumps(value)))


@pytest.mark.parametrize("text", ["-0", "[-0, 1]", "1E400", "[1e-7]", '{"a": 1, "a": 2.50}', "18446744073709551616"])
def test_numbers_of_every_spelling(text):
    assert typed(exact_json(text)) == typed(slowly(text))


@pytest.mark.parametrize("late", ["0.10", "1e5", "123456789012345678901", "NaN"])
def test_a_number_far_behind_the_beginning_keeps_its_digits(late):
    text = json.dumps(["0.1"] * 1_000)[:-1] + f", {late}]"

    assert typed(exact_json(text.encode()))[-1] == (type(slowly(late)), slowly(late))


@pytest.mark.parametrize("text", ["", "{", "01", "[1,]", "'a'", '"\n"', "\ufeff[]", "nan"])
def test_what_is_no_json_is_refused(text):
    with pytest.raises(ValueError, match=r"."):
        exact_json(text)
    with pytest.raises(ValueError, match=r"."):
        slowly(text)
