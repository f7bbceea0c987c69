"""The verbs of the product: connect, sync, normalise, publish, record. Rooms that don't know each other meet here through ports."""
