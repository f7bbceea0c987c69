"""What every room promises, whichever exchange it is."""

import itertools

import ccxt
import pytest

from metrifly_pipeline.domain.spec import Coverage
from metrifly_pipeline.exchanges import catalog


def test_every_endpoint_is_what_ccxt_asks_for(exchange):
    """Section, verb and path stand in the guard's list as ccxt passes them on."""
    client = getattr(ccxt, exchange)({"apiKey": "k", "secret": "s", "password": "p"})
    client.session.close()
    asked = []
    client.fetch2 = lambda path, api, method, *_args, **_options: asked.append((api, method, path))
    spec = catalog.hooks(exchange).spec

    for endpoint in spec.endpoints:
        getattr(client, endpoint.method)({})

    sections = [
        (endpoint.section,) if isinstance(endpoint.section, str) else endpoint.section for endpoint in spec.endpoints
    ]
    passed = [((api,) if isinstance(api, str) else tuple(api), method, path) for api, method, path in asked]
    assert passed == [(section, e.verb, e.path) for section, e in zip(sections, spec.endpoints, strict=True)]


def test_every_stream_asks_an_endpoint_of_the_spec_within_a_limit_of_the_spec(exchange):
    spec = catalog.hooks(exchange).spec

    assert {stream.endpoint for stream in spec.streams} <= {endpoint.method for endpoint in spec.endpoints}
    assert {endpoint.bucket for endpoint in spec.endpoints} == set(spec.limits)
    assert all(endpoint.weight <= spec.limits[endpoint.bucket].capacity for endpoint in spec.endpoints)


def test_no_two_streams_share_a_cursor(exchange):
    places = [
        (stream.stream, scope) for stream in catalog.hooks(exchange).spec.streams for scope in stream.scopes or ("",)
    ]

    assert len(places) == len(set(places))


def test_the_guide_names_every_switch_a_stream_needs(exchange):
    spec = catalog.hooks(exchange).spec

    assert {stream.permission for stream in spec.streams} == set(spec.guide.switch_on)
    assert spec.guide.switch_off
    assert spec.guide.secret_shown_once


def test_trades_are_required_and_every_surface_has_a_word(exchange):
    spec = catalog.hooks(exchange).spec

    assert any(stream.required and stream.stream.value == "fills" for stream in spec.streams)
    assert {surface.coverage for surface in spec.surfaces} == set(Coverage)
    assert len({surface.name for surface in spec.surfaces}) == len(spec.surfaces)


def test_aliases_of_a_code_do_not_overlap(exchange):
    spans = {}
    for alias in catalog.room(exchange).aliases:
        spans.setdefault(alias.code, []).append(alias)

    for rows in spans.values():
        rows.sort(key=lambda row: (row.valid_from is not None, row.valid_from))
        for earlier, later in itertools.pairwise(rows):
            assert earlier.valid_to is not None
            assert earlier.valid_to <= later.valid_from


@pytest.mark.parametrize("exchange", ["binance", "okx"])
def test_the_old_and_the_new_name_of_a_coin_are_one_asset(exchange):
    aliases = {alias.code: alias.asset for alias in catalog.room(exchange).aliases if alias.valid_from is None}

    assert aliases["MATIC"] == aliases["POL"] == "POL"
    assert aliases["LUNA"] == aliases["LUNC"] == "LUNC"
