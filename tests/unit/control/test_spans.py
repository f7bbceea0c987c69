"""Coverage as few spans as possible, against a model that marks every moment by itself."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from metrifly_pipeline.control.spans import Proven, add_span
from metrifly_pipeline.domain.streams import Span

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def span(start, end):
    return Span(NOW + timedelta(microseconds=start), NOW + timedelta(microseconds=end))


def joined(*spans, ended=""):
    proven = []
    for each in spans:
        proven = add_span(proven, Proven(each, ended))
    return [each.span for each in proven]


@given(spans=st.lists(st.tuples(st.integers(0, 40), st.integers(0, 8)), max_size=20))
def test_the_same_moments_are_covered_in_as_few_spans_as_possible(spans):
    covered = {at for start, length in spans for at in range(start, start + length + 1)}
    starts = [at for at in sorted(covered) if at - 1 not in covered]
    ends = [at for at in sorted(covered) if at + 1 not in covered]

    found = joined(*(span(start, start + length) for start, length in spans))

    assert found == [span(start, end) for start, end in zip(starts, ends, strict=True)]


@given(
    spans=st.lists(st.tuples(st.integers(0, 40), st.integers(0, 8)), max_size=12),
    seed=st.randoms(use_true_random=False),
)
def test_the_order_in_which_spans_are_proven_does_not_matter(spans, seed):
    forwards = [span(start, start + length) for start, length in spans]
    shuffled = list(forwards)
    seed.shuffle(shuffled)

    assert joined(*shuffled) == joined(*forwards)


def test_spans_that_touch_are_one_and_spans_with_a_moment_between_them_are_two():
    assert joined(span(0, 5), span(5, 9)) == [span(0, 9)]
    assert joined(span(0, 5), span(6, 9)) == [span(0, 9)]
    assert joined(span(0, 5), span(7, 9)) == [span(0, 5), span(7, 9)]


def test_what_the_newest_span_says_of_its_end_stands_unless_it_says_nothing():
    old = [Proven(span(0, 5), "history begins")]

    assert add_span(old, Proven(span(5, 9), "")) == [Proven(span(0, 9), "history begins")]
    assert add_span(old, Proven(span(5, 9), "retention")) == [Proven(span(0, 9), "retention")]
    assert add_span(old, Proven(span(7, 9), "")) == [*old, Proven(span(7, 9), "")]
