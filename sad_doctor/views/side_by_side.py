"""Several runs in one table, after the report of each: last values, which is better on held-out text, headlines."""

from __future__ import annotations

import json
import math
import sys
import textwrap
from collections.abc import Iterator, Sequence
from string import ascii_uppercase
from typing import TextIO

from sad_doctor import names, signals, words
from sad_doctor.finding import Report
from sad_doctor.run import Run
from sad_doctor.views.plain import line
from sad_doctor.views.text import WIDTH, verdict

Judged = tuple[Run, Report]

ROWS = {
    names.LOSS: "Training loss",
    names.EVAL_LOSS: "Held-out loss",
    names.EVAL_LM_LOSS: "Held-out LM loss",
    names.EVAL_PERPLEXITY: "Perplexity",
    names.EVAL_BITS_PER_BYTE: "Bits per byte",
    names.TEACHER_EVAL_BITS_PER_BYTE: "Teacher's bits per byte",
    names.EVAL_KL: "KL to the teacher",
    names.EVAL_AGREEMENT: "Top-1 agreement",
    names.EVAL_MAPPED: "Mapped mass",
    names.COVERAGE: "Coverage",
    names.GRAD_NORM: "Gradient norm",
    names.TOKENS_PER_SECOND: "Tokens per second",
}

_LEAD, _COLUMN = 26, 18
_ALIKE = 0.005
"""Relative difference of held-out scores below which two runs are called alike."""


def render(judged: Sequence[Judged], width: int = WIDTH) -> str:
    """Return the comparison of two runs or more as plain text, ending with a newline."""
    marks = [_mark(number) for number in range(len(judged))]
    told = ["Side by side", ""]
    for mark, (run, report) in zip(marks, judged, strict=True):
        told += _wrapped(f"{line(run.name, 60)}: {line(verdict(report))}", f"  {mark}  ", width)
    rows = list(_rows([run for run, _ in judged]))
    fit = max(1, (width - _LEAD) // _COLUMN)
    for start in range(0, len(judged), fit):
        some = range(start, min(start + fit, len(judged)))
        told += ["", " " * _LEAD + "".join(f"{marks[one]:>{_COLUMN}}" for one in some)]
        told += [
            f"{f'  {what}':<{_LEAD}}" + "".join(f"{cells[one]:>{_COLUMN}}" for one in some) for what, cells in rows
        ]
    told += ["", *_wrapped(better([run for run, _ in judged]), "  ", width)]
    return "\n".join(told) + "\n"


def show(judged: Sequence[Judged], file: TextIO | None = None) -> None:
    """Write the comparison to ``file`` (standard output); what its encoding cannot spell becomes question marks."""
    out = sys.stdout if file is None else file
    encoding = out.encoding or "utf-8"
    out.write(render(judged).encode(encoding, "replace").decode(encoding))


def better(runs: Sequence[Run]) -> str:
    """Return in a sentence which run ends lowest on held-out text, by what all of them have on record."""
    for name, what in _measures(runs):
        last = [_last(run, name) for run in runs]
        if not all(value is not None and math.isfinite(value) for value in last):
            continue
        order = sorted((value, number) for number, value in enumerate(last) if value is not None)
        (best, first), (next_best, second) = order[:2]
        told = f"{words.number(best)} against {words.number(next_best)}"
        if next_best - best <= _ALIKE * abs(next_best):
            return f"On held-out text {_mark(first)} and {_mark(second)} end alike: {what} {told}.{_caution(runs)}"
        return f"Better on held-out text: {_mark(first)}, {what} {told} of {_mark(second)}.{_caution(runs)}"
    return "Which is better on held-out text is not known: no measure of it is on record in all of them."


def _measures(runs: Sequence[Run]) -> Iterator[tuple[str, str]]:
    """What may be compared, the fairest first: nats a token only where all guess among as many tokens."""
    yield names.EVAL_BITS_PER_BYTE, "bits per byte"
    if len({run.fact(names.VOCABULARY_SIZE) for run in runs}) == 1:
        yield names.EVAL_LM_LOSS, "LM loss"
        yield names.EVAL_PERPLEXITY, "perplexity"


def _caution(runs: Sequence[Run]) -> str:
    """A caution, where the runs say that their text is set differently."""
    configs = [run.facts.get(names.CONFIG) for run in runs]
    texts = {json.dumps(c["data"], sort_keys=True, default=str) for c in configs if isinstance(c, dict) and "data" in c}
    return " Their settings of the data differ: see that the held-out text is the same." if len(texts) > 1 else ""


def _rows(runs: Sequence[Run]) -> Iterator[tuple[str, list[str]]]:
    """A name and a cell of each run, for every column that at least one run has."""
    one = runs[0].unit if len({run.unit for run in runs}) == 1 else ""
    last = [f"{'' if one else run.unit} {words.step(run.last_step)}".strip() for run in runs]
    yield f"Last {one or 'record'}", ["-" if run.last_step < 0 else told for run, told in zip(runs, last, strict=True)]
    for name, what in ROWS.items():
        values = [_last(run, name) for run in runs]
        if any(value is not None for value in values):
            yield what, ["-" if value is None else words.number(value) for value in values]


def _last(run: Run, name: str) -> float | None:
    column = run.get(name)
    return None if column is None else signals.tidy(column).last


def _mark(number: int) -> str:
    """A, B … Z, AA, AB …"""
    before, letter = divmod(number, len(ascii_uppercase))
    return (_mark(before - 1) if before else "") + ascii_uppercase[letter]


def _wrapped(text: str, lead: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, initial_indent=lead, subsequent_indent=" " * len(lead))
