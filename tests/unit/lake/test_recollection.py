"""What landed at a moment, and what landed first, is found again: of the connections, stream and scope asked for, and no other."""

import json
from datetime import timedelta

from metrifly_pipeline.domain.streams import Span, Stream
from tests.unit.lake.toy import ALICE, BOB, START

HOUR = timedelta(hours=1)
EVER = Span(START - timedelta(days=900), START + timedelta(days=900))


def at(*seconds):
    return [START + timedelta(seconds=second) for second in seconds]


def ids(found):
    return sorted((connection, json.loads(payload)["id"]) for connection, payload in found)


def test_what_landed_at_a_moment_is_found_with_its_connection(lake, alice, bob):
    alice.land(alice.fill(1), alice.fill(2), alice.fill(2, market="ETHEUR"), alice.movement(2))
    bob.land(bob.fill(2), bob.fill(3))

    assert ids(lake.raw_at(Stream.FILLS, "XBTEUR", at(1, 2), [ALICE, BOB])) == [(ALICE, "1"), (ALICE, "2"), (BOB, "2")]
    assert ids(lake.raw_at(Stream.FILLS, "XBTEUR", at(1, 2), [BOB])) == [(BOB, "2")]
    assert ids(lake.raw_at(Stream.FILLS, "ETHEUR", at(2), [ALICE])) == [(ALICE, "2")]
    assert lake.raw_at(Stream.FILLS, "XBTEUR", at(9), [ALICE, BOB]) == []
    assert lake.raw_at(Stream.FILLS, "XBTEUR", [], [ALICE, BOB]) == []


def test_the_first_record_is_the_oldest_in_the_span_whatever_landed_first(lake, alice):
    assert lake.first_raw(ALICE, Stream.FILLS, (), EVER) is None
    alice.land(alice.fill(5), alice.fill(3, market="ETHEUR"), alice.fill(7))
    alice.land(alice.fill("x", time="unreadable"))

    first = lake.first_raw(ALICE, Stream.FILLS, (), EVER)
    in_scope = lake.first_raw(ALICE, Stream.FILLS, ("XBTEUR",), EVER)
    late = lake.first_raw(ALICE, Stream.FILLS, (), Span(START + timedelta(seconds=6), EVER.end))

    assert (first.scope, [first.event_at], json.loads(first.payload)["id"]) == ("ETHEUR", at(3), "3")
    assert (in_scope.scope, [in_scope.event_at], [late.event_at]) == ("XBTEUR", at(5), at(7))
    assert lake.first_raw(ALICE, Stream.LEDGER, (), EVER) is None
    assert lake.first_raw(BOB, Stream.FILLS, (), EVER) is None
    assert lake.first_raw(ALICE, Stream.FILLS, (), Span(EVER.end, EVER.start)) is None


def test_the_busiest_scopes_are_those_of_most_connections(lake, alice, bob):
    alice.land(alice.fill(1), alice.fill(2), alice.fill(3, market="ETHEUR"))
    bob.land(bob.fill(4, market="ETHEUR"))

    assert lake.busiest_scopes(Stream.FILLS, [ALICE, BOB], 5) == ["ETHEUR", "XBTEUR"]
    assert lake.busiest_scopes(Stream.FILLS, [ALICE, BOB], 1) == ["ETHEUR"]
    assert lake.busiest_scopes(Stream.FILLS, [ALICE], 1) == ["XBTEUR"]
    assert lake.busiest_scopes(Stream.LEDGER, [ALICE], 1) == []


def test_what_landed_is_counted_by_stream_and_a_record_fetched_again_once(lake, alice, bob):
    alice.land(alice.fill(1), alice.fill(4), alice.movement(1))
    alice.new_lease()
    alice.land(alice.fill(4))
    bob.land(bob.fill(9))

    fills, ledger = lake.landed_streams(ALICE)

    assert (fills.stream, fills.records, [fills.first_at, fills.last_at]) == ("fills", 2, at(1, 4))
    assert (ledger.stream, ledger.records) == ("ledger", 1)
