"""A local exchange: one seeded ledger of truth per account, in the wire dialects of real exchanges, faults on demand."""
