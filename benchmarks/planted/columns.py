"""What of a run gets into a log: how many columns, and which of a fault's traces they can show."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from planted.record import Record, Row, Trace
from sad_doctor import names

Rows = list[tuple[int, float, Row]]

_COMMON = (names.LOSS, names.LEARNING_RATE, names.EVAL_LOSS, names.EPOCH)
_EVALUATION = (names.EVAL_LM_LOSS, names.EVAL_PERPLEXITY)
_REST = (names.UPDATE_RATIO, names.TOKENS_PER_SECOND, names.MEMORY, names.TEACHER_LOSS, names.TEACHER_ENTROPY)
_PREFIXES = {
    "bare": (*_COMMON, names.GRAD_NORM),
    "parts": (*_COMMON, *_EVALUATION, names.WEIGHTED),
    "parts and norm": (*_COMMON, *_EVALUATION, names.WEIGHTED, names.GRAD_NORM, names.TOKENS_PER_SECOND),
    "raw and weights": (*_COMMON, *_EVALUATION, names.RAW, names.WEIGHT, names.GRAD_NORM, names.MEMORY),
    "all": ("",),
    "raw": (*_COMMON, *_EVALUATION, names.RAW, names.GRAD_NORM, names.TOKENS_PER_SECOND, names.MEMORY),
    "raw, no norm": (*_COMMON, *_EVALUATION, names.RAW),
    "total": (names.LOSS, names.LEARNING_RATE, names.EVAL_LOSS),
}
LEVELS = tuple(_PREFIXES)
"""From a loss alone to everything that our own record has; the last three are of a loop that logs no weights."""

_PRINTED = (names.LOSS, names.LEARNING_RATE, names.WEIGHTED, names.EVAL_LOSS, names.EVAL_PERPLEXITY)
_PARTS = (names.WEIGHTED, names.RAW)
_WITH_EVENTS = frozenset({"folder", "blocks"})
_PLANNED = frozenset(
    {"folder", "blocks", "trainer_state", "hugging face 5", "hugging face 4", "printed", "dated", "bar"}
)
_WITH_TRACEBACK = frozenset({"folder", "blocks", "hugging face 5", "hugging face 4", "printed", "dated", "bar"})
MANY = 50


def kept(record: Record, level: str, form: str) -> Rows:
    """Return the rows with the columns of a level that a format has room for; rows without any are left out."""
    prefixes = _PRINTED if form == "blocks" else _PREFIXES[level]
    rows = [(s, c, {k: v for k, v in row.items() if k.startswith(prefixes)}) for s, c, row in record.rows]
    return [(step, clock, row) for step, clock, row in rows if row]


WORDS: Mapping[str, Callable[[set[str]], bool]] = {
    "eval": lambda has: bool(has & {names.EVAL_LOSS, names.EVAL_LM_LOSS}),
    "kd": lambda has: any(prefix + "kd" in has for prefix in _PARTS),
    "lm": lambda has: any(prefix + "lm" in has for prefix in _PARTS) or names.EVAL_LM_LOSS in has,
    "layerwise": lambda has: any(prefix + "layerwise" in has for prefix in _PARTS),
    "parts": lambda has: any(sum(c.startswith(prefix) for c in has) > 1 for prefix in _PARTS),
    "raw terms": lambda has: sum(column.startswith(names.RAW) for column in has) > 1,
    "part kd": lambda has: names.WEIGHTED + "kd" in has or {names.RAW + "kd", names.WEIGHT + "kd"} <= has,
    "speed": lambda has: names.TOKENS_PER_SECOND in has,
}


def has(record: Record, rows: Rows, form: str) -> set[str]:
    """Return what a log of ``rows`` in a format tells: its columns, and the words of traces."""
    columns = {name for _, _, row in rows for name in row}
    told = {word for word, tells in WORDS.items() if tells(columns)}
    kinds = {kind for kind, _, _ in record.events}
    if sum(names.LOSS in row for _, _, row in rows) >= MANY:
        told.add("many")
    if form in _PLANNED:
        told.add("planned")
    if form in _WITH_EVENTS and names.EVENT_WARNING in kinds:
        told.add("warnings")
    if form == "folder":
        told |= {"status"} | ({"resume"} if names.EVENT_RESUME in kinds else set())
    if form != "table":  # there it is a blank cell
        told.add("nan")
    if form in _WITH_TRACEBACK and record.traceback:
        told.add("traceback")
    return columns | told


def trace(traces: tuple[Trace, ...], told: set[str], record: Record) -> Trace | None:
    """Return the first trace that a log can show; None if the fault is invisible in it."""
    return next((one for one in traces if set(one.needs) <= told and one.when(record)), None)
