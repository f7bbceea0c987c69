"""First imports measured: the product beside a floor that fetches, writes and types the same pages and nothing else.

`python -m tests.bench` runs it. `trades` makes the history up, `kraken`, `binance` and `okx` render it as those exchanges send it, `server`
hands the ready bytes out in a process of its own, `product` and `floor` are the two sides, each in a fresh process.
"""
