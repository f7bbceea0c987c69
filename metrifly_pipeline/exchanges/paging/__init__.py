"""How exchanges page: one driver per family, told apart by `StreamSpec.paging`.

A driver asks one stream and scope through `Ask` (parameters in, checked rows out) and yields `Page`s. It knows no exchange. What an
endpoint calls things stands in `StreamSpec.names`, keyed by the driver's own words:

| word | meaning | families |
|---|---|---|
| `start`, `end` | parameters of the closed span, in `param_unit`; `exclusive` names bounds that leave their own value out | all with time |
| `limit` | parameter of the page size (left out where the exchange has none) | all |
| `offset` | parameter: how many rows to skip | OFFSET_IN_WINDOW |
| `total` | dotted path *in the answer* to the number of rows in the span | OFFSET_IN_WINDOW |
| `symbol` | parameter that carries the scope (market id) | SYMBOL_BY_ID |
| `from_id` | parameter: ids at or above it, ascending | SYMBOL_BY_ID |
| `after` | parameter: ids older than it, newest first | ID_BACKWARDS |
| `more` | dotted path *in the answer* to a flag that the span holds more | HALVED_WINDOW |

`rows_path` leads to the rows: a list, or a mapping whose keys the driver puts into each row as `_key`. A number in a dotted path is
an index (`data.0.details`). `id_field` tells rows apart; empty where there is none (then the whole payload does).
"""
