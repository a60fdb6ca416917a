"""Documents -> windows read by both tokenizers -> batches, in an order that only the seed and the step decide."""

from sad.align.example import Counts, Example, Readers, Written, assemble
from sad.data.batches import blank, collate, collate_rows
from sad.data.cache import examples, prepare, prepare_stream
from sad.data.prepared import Prepared
from sad.data.schedule import Schedule, order

__all__ = [
    "Counts",
    "Example",
    "Prepared",
    "Readers",
    "Schedule",
    "Written",
    "assemble",
    "blank",
    "collate",
    "collate_rows",
    "examples",
    "order",
    "prepare",
    "prepare_stream",
]
