"""Kraken (spot): trades, ledger and balances of one exchange account."""
