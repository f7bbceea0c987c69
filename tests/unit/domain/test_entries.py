"""An entry's legs follow from what a person gives, and give it back; what breaks a rule has none."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrifly_pipeline.domain.entries import (
    PLACES,
    TRADES,
    Amount,
    Draft,
    Entry,
    EntryKind,
    Place,
    cost_of,
    draft_of,
    legs_of,
    with_main,
)
from metrifly_pipeline.domain.entry_input import MOST_NOTE, read_amount, read_asset, read_moment, read_note
from metrifly_pipeline.domain.ids import AccountId, ConnectionId, EntryId, PortfolioId
from metrifly_pipeline.domain.trouble import RefusedError

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
MAIN, OTHER = Place(PortfolioId("pf-1"), ConnectionId("okx-1")), Place(PortfolioId("pf-2"))
LARGEST = Decimal("99999999999999999999.999999999999999999")


def of(quantity, asset="BTC"):
    return Amount(asset=asset, quantity=Decimal(quantity))


def draft(kind, main="2", **changes):
    return Draft(kind=kind, place=MAIN, occurred_at=NOW, main=of(main) if isinstance(main, str) else main, **changes)


def booked(given_draft):
    return [(leg.role, leg.asset, leg.amount, leg.place) for leg in legs_of(given_draft)]


def test_what_comes_in_is_added_and_what_goes_out_is_taken_off():
    for kind in (EntryKind.REWARD, EntryKind.AIRDROP, EntryKind.OPENING_BALANCE, EntryKind.TRANSFER):
        assert booked(draft(kind)) == [("main", "BTC", 2, MAIN)]
    assert booked(draft(EntryKind.TRANSFER, outgoing=True)) == [("main", "BTC", -2, MAIN)]
    assert booked(draft(EntryKind.ADJUSTMENT, "-0.5")) == [("main", "BTC", Decimal("-0.5"), MAIN)]


def test_a_trade_moves_base_and_quote_against_each_other_and_costs_its_fee():
    fee = of("0.1", "EUR")
    assert booked(draft(EntryKind.BUY, counter=of(100, "EUR"), fee=fee)) == [
        ("base", "BTC", 2, MAIN),
        ("quote", "EUR", -100, MAIN),
        ("fee", "EUR", Decimal("-0.1"), MAIN),
    ]
    assert booked(draft(EntryKind.SELL, counter=of(100, "EUR"))) == [
        ("base", "BTC", -2, MAIN),
        ("quote", "EUR", 100, MAIN),
    ]


def test_a_swap_is_what_was_disposed_of_received_and_paid():
    assert booked(draft(EntryKind.SWAP, counter=of(30, "ETH"), fee=of("0.01", "BNB"))) == [
        ("disposed", "BTC", -2, MAIN),
        ("received", "ETH", 30, MAIN),
        ("fee", "BNB", Decimal("-0.01"), MAIN),
    ]


def test_a_transfer_between_own_portfolios_is_a_pair():
    assert booked(draft(EntryKind.TRANSFER, outgoing=True, to=OTHER)) == [
        ("out", "BTC", -2, MAIN),
        ("in", "BTC", 2, OTHER),
    ]


@pytest.mark.parametrize("kind", EntryKind)
def test_nothing_but_an_adjustment_takes_a_sign_and_nothing_but_an_opening_balance_a_zero(kind):
    counter = {"counter": of(1, "EUR")} if kind in {*TRADES, EntryKind.SWAP} else {}
    assert legs_of(draft(kind, "1", **counter))  # the control
    for quantity, allowed in (("-1", EntryKind.ADJUSTMENT), ("0", EntryKind.OPENING_BALANCE)):
        if kind is allowed:
            assert legs_of(draft(kind, quantity))
        else:
            with pytest.raises(RefusedError, match=r"negative|0"):
                legs_of(draft(kind, quantity, **counter))


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        (draft(EntryKind.SWAP, counter=of(1)), "two different assets"),
        (draft(EntryKind.BUY, counter=of(0, "EUR")), "quantity of EUR is 0"),
        (draft(EntryKind.BUY, counter=of(1, "EUR"), fee=of(-1, "EUR")), "quantity of EUR is negative"),
        (draft(EntryKind.TRANSFER, outgoing=True, to=MAIN), "two different places"),
        (draft(EntryKind.REWARD, value=of(-1, "EUR")), "market value can't be negative"),
    ],
)
def test_a_draft_that_makes_no_sense_is_refused_with_the_reason(broken, words):
    with pytest.raises(RefusedError, match=words):
        legs_of(broken)


amounts = st.decimals(min_value="0.000000000000000001", max_value=LARGEST, places=PLACES)
counters = st.builds(Amount, asset=st.sampled_from(["EUR", "ETH"]), quantity=amounts)


@st.composite
def drafts(draw):
    kind = draw(st.sampled_from(EntryKind))
    exchanged = kind in {*TRADES, EntryKind.SWAP}
    pair = kind is EntryKind.TRANSFER and draw(st.booleans())
    sign = draw(st.sampled_from([1, -1])) if kind is EntryKind.ADJUSTMENT else 1
    quantity = draw(amounts)
    return Draft(
        kind=kind,
        place=MAIN,
        occurred_at=NOW,
        main=of(quantity if sign > 0 else quantity.copy_negate()),
        counter=draw(counters) if exchanged else None,
        fee=draw(st.none() | counters) if exchanged else None,
        outgoing=pair or (kind is EntryKind.TRANSFER and draw(st.booleans())),
        to=OTHER if pair else None,
        value=draw(st.none() | counters),
        note=draw(st.sampled_from(["", "from a statement"])),
    )


@given(drafts())
def test_an_entry_gives_back_the_draft_it_was_made_from_with_every_digit(given_draft):
    entry = Entry(
        id=EntryId("en-1"),
        version=1,
        account=AccountId("default"),
        kind=given_draft.kind,
        occurred_at=given_draft.occurred_at,
        legs=legs_of(given_draft),
        price=given_draft.price,
        value=given_draft.value,
        note=given_draft.note,
        recorded_at=NOW,
        recorded_by=AccountId("default"),
    )

    assert draft_of(entry) == given_draft


def test_a_price_makes_the_cost_exactly_and_follows_the_amount():
    assert cost_of(Decimal("0.000000000000000003"), Decimal("0.5")) == Decimal("0.000000000000000002")  # half-even
    assert cost_of(Decimal("12345678901.123456789"), Decimal("1000000000.1")) == Decimal(
        "12345678902358024679.1123456789"
    )
    bought = draft(EntryKind.BUY, counter=of(200, "EUR"), price=Decimal(100))
    assert with_main(bought, of(3)).counter == of(300, "EUR")
    assert with_main(draft(EntryKind.BUY, counter=of(200, "EUR")), of(3)).counter == of(200, "EUR")  # a cost stays
    with pytest.raises(RefusedError, match="more than 20 digits"):
        cost_of(LARGEST, Decimal(2))


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("1", "1"), ("  +0.50 ", "0.5"), ("-0.000000000000000001", "-0.000000000000000001"), ("-0", "0"),
        ("0001.5", "1.5"), (str(LARGEST), str(LARGEST)), ("1.1000000000000000000", "1.1"),
    ],
)  # fmt: skip
def test_an_amount_is_read_with_every_digit(typed, read):
    assert f"{read_amount(typed, '--quantity'):f}" == read


@pytest.mark.parametrize(
    "typed",
    [
        "", " ", "abc", "1e3", "1E-8", "NaN", "Infinity", "-inf", "1,5", "1_000", "1 000", "--1", ".5", "5.", "0x10", "١٢",
        "1.0000000000000000001", "100000000000000000000", "9" * 5000, "QUANTITY",
    ],
)  # fmt: skip
def test_what_is_no_plain_decimal_is_refused_by_its_options_name(typed):
    with pytest.raises(RefusedError, match=r"^--quantity ") as refused:
        read_amount(typed, "--quantity")
    assert len(str(refused.value)) < 250


@given(st.text(max_size=40))
def test_whatever_is_typed_for_an_amount_is_read_exactly_or_refused(typed):
    try:
        value = read_amount(typed, "--quantity")
    except RefusedError:
        return
    assert value == Decimal(typed.strip())


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("2024-01-31", datetime(2024, 1, 31, tzinfo=UTC)),
        ("2024-01-31T12:30:00Z", datetime(2024, 1, 31, 12, 30, tzinfo=UTC)),
        ("2024-01-31T12:30:00.000001+01:00", datetime(2024, 1, 31, 11, 30, 0, 1, tzinfo=UTC)),
        ("2026-03-01", datetime(2026, 3, 1, tzinfo=UTC)),
        ("2009-01-03", datetime(2009, 1, 3, tzinfo=UTC)),
    ],
)
def test_a_date_is_a_day_or_a_moment_with_its_zone(typed, read):
    assert read_moment(typed, NOW) == read


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("", "not a date"), ("31.01.2024", "not a date"), ("2024-02-30", "not a date"), ("DATE", "not a date"),
        ("2024-01-31T12:30:00", "no time zone"), ("2009-01-02", "before 2009"), ("0001-01-01T00:00:00+01:00", "too far"),
        ("2026-03-02", "future"), ("2026-03-01T12:00:00.000001Z", "future"),
    ],
)  # fmt: skip
def test_any_other_date_is_refused(typed, words):
    with pytest.raises(RefusedError, match=words):
        read_moment(typed, NOW)


def test_the_newest_moment_is_now():
    assert read_moment(NOW.isoformat(), NOW) == NOW
    with pytest.raises(RefusedError, match="future"):
        read_moment((NOW + timedelta(microseconds=1)).isoformat(), NOW)


def test_an_assets_code_is_put_in_capitals_and_anything_else_refused():
    assert [read_asset(typed, "--asset") for typed in ("btc", " 1INCH ", "LD.BNB", "A$", "币安")] == [
        "BTC", "1INCH", "LD.BNB", "A$", "币安",
    ]  # fmt: skip
    for typed in ("", "B TC", "-BTC", "A" * 33, "BTC;", "BTC\n1", "../BTC"):
        with pytest.raises(RefusedError, match=r"^--asset .* is not an asset's code"):
            read_asset(typed, "--asset")


def test_a_note_is_one_line_of_bounded_length():
    assert read_note("  from a\n statement ") == "from a statement"
    assert len(read_note("x" * MOST_NOTE)) == MOST_NOTE
    with pytest.raises(RefusedError, match="at most 500"):
        read_note("x" * (MOST_NOTE + 1))
