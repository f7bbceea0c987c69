"""OKX (spot): fills, bills, deposits, withdrawals, converts and balances of one exchange account, as far back as OKX shows."""
