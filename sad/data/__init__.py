"""Documents -> windows read by both tokenizers -> batches, in an order that only the seed and the step decide."""

from sad.align.example import Counts, Example, Readers, Written, assemble
from sad.data.batches import blank, collate, collate_rows
from sad.data.cache import examples, prepare
from sad.data.pools import Pools, make_pools
from sad.data.prepared import Prepared
from sad.data.schedule import Schedule, order
from sad.data.stream import Streamed

__all__ = [
    "Counts",
    "Example",
    "Pools",
    "Prepared",
    "Readers",
    "Schedule",
    "Streamed",
    "Written",
    "assemble",
    "blank",
    "collate",
    "collate_rows",
    "examples",
    "make_pools",
    "order",
    "prepare",
]
