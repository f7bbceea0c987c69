"""Text becomes numbers and times exactly, or not at all: the macros against Python's own decimals."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal, localcontext

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from metrifly_pipeline.lake.engine import Engine, Instance
from metrifly_pipeline.lake.products import product

SOME = settings(max_examples=max(settings.default.max_examples // 5, 1))
"""One question to DuckDB asks for many texts, so a few questions ask for thousands."""
FITS = 10**38
LATEST = datetime(2030, 1, 2, tzinfo=UTC)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def engine(tmp_path_factory) -> Engine:
    made = Engine(Instance(tmp_path_factory.mktemp("spill")))
    made.define("macros", "macros_hard")
    made.set_variable("latest_us", (LATEST - EPOCH) // timedelta(microseconds=1))
    return made


def ask(engine: Engine, expression: str, texts: Sequence[str | None]) -> list[object]:
    rows = engine.rows(f"SELECT {expression} FROM (SELECT unnest($1) AS t)", [list(texts)])  # noqa: S608 - a constant
    return [value for (value,) in rows]


def exact(text: str) -> Decimal | None:
    """What a text is by the rules: -?digits[.digits][e[+-]digits], at most 20 integer digits and 18 decimals."""
    if not re.fullmatch(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?", text, re.ASCII):
        return None
    mantissa, _, exponent = text.lower().partition("e")
    if Decimal(mantissa) == 0:
        return Decimal(0)
    if abs(int(exponent or 0)) > 1_000:
        return None
    with localcontext(prec=10_000):
        value = Decimal(text)
        scaled = value.scaleb(18)
        return value if scaled == scaled.to_integral_value() and abs(scaled) < FITS else None


digits = st.text("0123456789", min_size=1, max_size=25)
numbers = st.builds(
    lambda sign, whole, decimals, exponent: sign + whole + decimals + exponent,
    st.sampled_from(["", "-"]),
    digits,
    st.one_of(st.just(""), digits.map(lambda text: "." + text)),
    st.one_of(
        st.just(""), st.integers(-45, 45).map(lambda power: f"e{power:+d}"), st.sampled_from(["E5", "e-07", "E+3"])
    ),
)
junk = st.sampled_from(
    [
        "",
        " 1",
        "1 ",
        "1_0",
        "NaN",
        "nan",
        "inf",
        "-inf",
        "Infinity",
        "+1",
        ".5",
        "5.",
        "1e",
        "e5",
        "--1",
        "1,5",
        "0x10",
        "\u0661",
        "1e5.0",
    ]
)


@SOME
@given(texts=st.lists(st.one_of(numbers, junk), min_size=1, max_size=200))
@example(
    texts=["1e99999999999999999999", "0e99999999999999999999", "1e-99999999999999999999", "1" * 500, "0." + "0" * 500]
)
@example(
    texts=[
        "99999999999999999999.999999999999999999",
        "100000000000000000000",
        "1e-18",
        "1e-19",
        "0.1234567890123456780",
    ]
)
def test_a_text_is_the_number_that_python_reads_or_none(engine, texts):
    assert ask(engine, "exact_decimal(t)", texts) == [exact(text) for text in texts]


@SOME
@given(texts=st.lists(numbers, min_size=1, max_size=200))
def test_the_plain_way_never_says_anything_else_than_the_long_one(engine, texts):
    plain = ask(engine, "plain_decimal(t)", texts)

    assert [value for value in plain if value is not None] == [
        exact(text) for text, value in zip(texts, plain, strict=True) if value is not None
    ]
    assert ask(engine, "plain_decimal(t)", ["1.5"]) == [Decimal("1.5")]


narrow = st.decimals(
    min_value=Decimal(-(10**9)), max_value=Decimal(10**9), places=6, allow_nan=False, allow_infinity=False
)
wide = st.decimals(
    min_value=Decimal(-(10**19)), max_value=Decimal(10**19), places=18, allow_nan=False, allow_infinity=False
)


@SOME
@given(pairs=st.lists(st.tuples(st.one_of(narrow, wide), st.one_of(narrow, wide)), min_size=1, max_size=100))
def test_a_product_is_exact_or_left_to_python(engine, pairs):
    texts = [(f"{left:f}", f"{right:f}") for left, right in pairs]
    found = engine.rows(
        "SELECT exact_product(t[1], plain_decimal(t[1]), t[2], plain_decimal(t[2])) FROM (SELECT unnest($1) AS t)",
        [[list(pair) for pair in texts]],
    )

    with localcontext(prec=100):
        for (left, right), (value,) in zip(pairs, found, strict=True):
            assert value is None or value == left * right
    assert engine.rows("SELECT exact_product('123.5', 123.5, '2', 2)") == [(Decimal(247),)]


@given(left=wide, right=wide)
@example(left=Decimal("0.000000000000000001"), right=Decimal("0.5"))
@example(left=Decimal("0.000000000000000003"), right=Decimal("0.5"))
@example(left=Decimal(10**19), right=Decimal(10**19))
def test_python_rounds_a_product_half_even_at_18_places_or_says_that_it_does_not_fit(left, right):
    with localcontext(prec=200):
        expected = (left * right).quantize(Decimal("1e-18"), rounding="ROUND_HALF_EVEN")

    found = product(left, right)

    assert found == (expected if abs(expected * 10**18) < FITS else None)


@pytest.mark.parametrize(
    ("text", "unit", "expected"),
    [
        ("1688667796.8802", "s", "2023-07-06T18:23:16.880200"),
        ("1688667796", "s", "2023-07-06T18:23:16"),
        ("1688667796.8802999999", "s", "2023-07-06T18:23:16.880299"),
        ("1688667796123", "ms", "2023-07-06T18:23:16.123000"),
        ("1688667796123.9999", "ms", "2023-07-06T18:23:16.123999"),
        ("1688667796123456", "us", "2023-07-06T18:23:16.123456"),
        ("1688667796123456789", "ns", "2023-07-06T18:23:16.123456"),
        ("2024-02-29 01:02:03", "datetime", "2024-02-29T01:02:03"),
        ("2024-02-29T01:02:03.1234567Z", "datetime", "2024-02-29T01:02:03.123456"),
        ("2024-02-30 00:00:00", "datetime", None),
        ("2024-02-29 24:00:00", "datetime", "2024-03-01T00:00:00"),
        ("2024-02-29 23:59:60", "datetime", None),
        ("2024-02-29", "datetime", None),
        ("99999999999999999999999", "ms", None),
        ("9" * 18, "us", None),
        ("1e9", "s", None),
        ("-1688667796", "s", None),
        (" 1688667796", "s", None),
        ("", "s", None),
        ("1688667796", "fortnights", None),
        ("1688667796", None, None),
    ],
)
def test_a_time_is_cut_towards_the_past_or_not_read(engine, text, unit, expected):
    sql = "SELECT if(is_plausible(micros($1, $2)), make_timestamptz(micros($1, $2)), NULL)"

    ((found,),) = engine.rows(sql, [text, unit])

    assert found == (None if expected is None else datetime.fromisoformat(expected).replace(tzinfo=UTC))


@SOME
@given(moments=st.lists(st.datetimes(datetime(2009, 1, 1), datetime(2030, 1, 1)), min_size=1, max_size=100))  # noqa: DTZ001 - made aware below
def test_every_microsecond_since_2009_survives_in_every_unit(engine, moments):
    known = [(moment.replace(tzinfo=UTC) - EPOCH) // timedelta(microseconds=1) for moment in moments]
    texts = {
        "us": [str(us) for us in known],
        "ns": [str(us * 1_000 + 999) for us in known],
        "ms": [f"{us // 1_000}.{us % 1_000:03d}" for us in known],
        "s": [f"{us // 1_000_000}.{us % 1_000_000:06d}" for us in known],
        "datetime": [f"{moment:%Y-%m-%d %H:%M:%S.%f}" for moment in moments],
    }

    for unit, some in texts.items():
        assert ask(engine, f"micros(t, '{unit}')", some) == known


def test_a_time_before_2009_or_after_tomorrow_is_not_plausible(engine):
    def plausible(moment: datetime) -> bool:
        return engine.rows("SELECT is_plausible($1)", [(moment - EPOCH) // timedelta(microseconds=1)])[0][0]

    assert plausible(datetime(2009, 1, 1, tzinfo=UTC))
    assert plausible(LATEST)
    assert not plausible(datetime(2008, 12, 31, 23, 59, 59, tzinfo=UTC))
    assert not plausible(LATEST + timedelta(microseconds=1))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (None, "missing"),
        ("NaN", "not a number"),
        ("1.1234567890123456789", "19 decimals"),
        ("123456789012345678901", "21 integer digits"),
        ("1e-19", "19 decimals"),
        ("1e25", "26 integer digits"),
        ("1e99999999999", "exponent out of range"),
    ],
)
def test_what_does_not_fit_is_told_in_words(engine, text, problem):
    assert engine.rows("SELECT number_problem('amount', $1)", [text]) == [(f"amount: {problem}",)]
