"""Binance (spot): trades by symbol, deposits, withdrawals, converts, dust, rewards and balances of one exchange account."""
