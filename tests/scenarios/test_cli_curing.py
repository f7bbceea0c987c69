"""What the next good sync says of what stood in the way."""

import dataclasses

from metrifly_pipeline.sandbox.faults import Fault, FaultKind
from tests.scenarios.homes import other

WRONG = "The secret does not belong to this API key"


def change_secret(bench, secret):
    bench.account.account.keys[bench.key.api_key] = dataclasses.replace(bench.key, secret=secret)


def test_sync_here_and_sync_wait_say_what_was_cured_in_words(bench):
    connection = bench.connect()
    bench("sync", "--all", "--here")
    change_secret(bench, other(bench.key.secret))
    assert f"can't: {WRONG}" in bench.told("sync", connection, "--here", status=1)

    change_secret(bench, bench.key.secret)
    assert f"; cured: {WRONG}" in bench.told("sync", connection, "--here")
    assert "cured" not in bench.told("sync", connection, "--here")

    bench.daemon = True
    bench.sandbox.faults.add(Fault(exchange="kraken", path="", kind=FaultKind.HTML_200, times=10**9))
    bench("sync", connection, "--wait", status=1)
    bench.sandbox.faults.clear()
    (answer,) = bench.json("sync", connection, "--wait")
    assert answer["cured"] == ["unexpected_response"]
    assert "; cured: The exchange answered in a form we do not know" in answer["text"]


def test_a_replaced_key_is_proven_by_the_sync_after_it_and_analysts_see_which(bench):
    connection = bench.connect()
    bench("sync", "--all", "--here")
    right = bench.key
    change_secret(bench, other(right.secret))
    bench("sync", connection, "--here", status=1)
    bench.key = dataclasses.replace(right, secret=other(right.secret))
    bench("replace-key", connection)

    assert f"; cured: {WRONG}" in bench.told("sync", connection, "--here")

    found = bench.json("query", "SELECT cured FROM sync_runs WHERE cured <> ''")
    assert "secret_wrong" in str(found)
