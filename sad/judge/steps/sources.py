"""What the source of a step says: what it makes, fetches and reads itself, and what it asks of its model."""

from __future__ import annotations

import re
import sys
from dataclasses import replace

from sad.judge.judging import Code, source
from sad.judge.texts import text_of
from sad.judge.unknown import unknown

ASKS_MODEL = re.compile(r"(?<!self)\.configure_optimizers\(")
"""Where it asks a model for its optimizer."""
GOES_ROUND = re.compile(r"\bcycle\(|\bnext\(|\bislice\(")
"""Where a source goes on in the middle of its data."""
MAKES_LOADER = re.compile(r"\bDataLoader\(")
"""Where a source makes a loader, of what it reads itself."""
EVERY = re.compile(r"%\s*[\w.\[\]'\"]*accum", re.IGNORECASE)
"""Where a source steps after every so many micro-batches."""
OPTIMIZES = re.compile(r"\b(?!\w*sched)\w+\.step\(")
"""Where a source takes steps of an optimizer."""
FETCHES = re.compile(r"teacher\w*\s*(?::[^=\n]+)?=\s*[\w.]*\bfrom_pretrained\(")
"""Where a source fetches a teacher."""
CLASSIFIES = re.compile(r"For(Sequence|Text|Image)Classification\b")
"""Where a source fetches a classifier."""
GENERATES = re.compile(r"For(CausalLM|Seq2SeqLM|ConditionalGeneration|MaskedLM)\b|LMHead")
"""Where a source fetches a model of texts."""

BLOCKS = re.compile(r"\bTensorDataset\(\s*\w+(\[[^\]]*\])?\s*\)")
"""Where it makes a data set of a matrix of ids, whose rows have one length."""

STEPS_SCHEDULE = re.compile(r"\b\w*sched\w*\.step\(\s*([^)]*)")
"""Where it steps a schedule, and by what."""
COUNTS = re.compile(r"epoch|step|iter|count|num|total|^(\w+\s*=\s*)?(i|idx|t|n|None)?$", re.IGNORECASE)
"""A number of steps, or nothing."""


def one_more(text: str, total: str) -> bool:
    """Whether a loop that has counted a step is left only when the count has passed the total: it takes one more."""
    counted = r"\b(\w+) (?:\+= 1|= \1 \+ 1)\b[^\n]*\n(?:(?!\.step\()[\s\S])*?"
    return bool(re.search(rf"{counted}if \(?\1 > [\w.]*\b{re.escape(total)}\b\)?:\s*(?:#[^\n]*\s*)?break", text))


def by_score(text: str) -> bool:
    """Whether a source steps schedules by a score alone, as ``ReduceLROnPlateau``: no count tells a rate."""
    told = [found[1].strip() for found in STEPS_SCHEDULE.finditer(text)]
    return bool(told) and not any(COUNTS.search(one) for one in told)


def whole_source(code: Code) -> str:
    """The source of code, and that of the class that a method is of: its constructor may keep what the method reads."""
    return source(code if code.owner is None else replace(code, target=code.owner))


def module_source(code: Code) -> str:
    """The source of the whole module that code is of, '' where there is none to read."""
    module = sys.modules.get(getattr(code.owner or code.target, "__module__", ""))
    try:
        return text_of(module) if module is not None else ""
    except (OSError, TypeError):
        return ""


def counted_from(code: Code, counter: str) -> int | None:
    """Return whether a counter is one of micro-batches, whose rest by a window tells its last, and at which number it
    begins; None for one of steps. Raises ``NeedsAdapterError`` where it goes on by some other number each time.
    """
    text = whole_source(code)
    found = re.search(rf"\b{counter}\b(\s*\+\s*1\s*\))?\s*{EVERY.pattern}", text, re.IGNORECASE)
    if not counter or found is None:
        return None
    on = re.search(rf"\b{counter}\s*(?:\+=\s*|=\s*{counter}\s*\+\s*)(\S+)", text)
    if on and on[1] != "1":
        raise unknown(counter)
    return 0 if on or found[1] else 1
