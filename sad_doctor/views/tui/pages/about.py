"""The page of the run itself: what it achieved, how its log was read, its recipe, its models, its environment."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping

import numpy as np
from textual.content import Content

from sad_doctor import names
from sad_doctor.run import Column, Run
from sad_doctor.views import numerals
from sad_doctor.views.plain import line
from sad_doctor.views.tui.pages.prose import BLANK, Page, Paragraph, section, title
from sad_doctor.views.tui.painting.styled import styled

_MUTED, _TEXT, _TITLE, _HEAD = "$text-muted", "$foreground", "bold $foreground", "bold $accent"
_BLOCK = 4096
_TELLING = 10
"""Times its beginning that a value may change by for a percentage to be worth reading."""

_USUAL, _LONGEST = 17, 30
"""Room for the names of a section; one that is longer pushes its own value to the right and no other."""

_COURSE = (
    (names.LOSS, "training loss"),
    (names.EVAL_LOSS, "held-out loss"),
    (names.EVAL_LM_LOSS, "held-out LM loss"),
    (names.EVAL_PERPLEXITY, "perplexity"),
    (names.EVAL_BITS_PER_BYTE, "bits per byte"),
    (names.EVAL_KL, "KL to the teacher"),
    (names.EVAL_AGREEMENT, "top-1 agreement"),
)

_PARTS = (
    (names.CONFIG, "Recipe"),
    (names.MODELS, "Models"),
    (names.ALIGNMENT, "Alignment"),
    (names.VERSIONS, "Environment"),
)
"""Facts that have a section of their own."""

_HIDDEN = frozenset({names.HEARTBEAT, names.STARTED, names.SEEN, "events", *(key for key, _ in _PARTS)})


def about_page(run: Run) -> Page:
    """Return what the log says about the run itself and how it was read."""
    page = [*title(line(run.name)), *course(run)]
    page += section("How the log was read", run.notes, bullet="• ")
    about = [("path", str(run.path)), ("format", run.format), ("columns", str(len(run.columns)))]
    started, beat = run.fact(names.STARTED), run.fact(names.HEARTBEAT)
    about += [
        (word, time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(at)))
        for word, at in (("started", started), ("last sign of life", beat))
        if at is not None and 0 < at < 1e11
    ]
    about += list(_flat({key: value for key, value in run.facts.items() if key not in _HIDDEN}))
    page += _table("The run", about)
    for key, heading in _PARTS:
        value = run.facts.get(key)
        page += _part(heading, value if isinstance(value, Mapping) else {key: value}) if value else []
    return page


def _part(heading: str, facts: Mapping[str, object]) -> list[Paragraph]:
    """A section, and one for each table in it; the keys that have no value share a line."""
    values = {key: value for key, value in facts.items() if not isinstance(value, Mapping)}
    unset = [line(key) for key, value in values.items() if value is None]
    shown = _table(heading, _flat({key: value for key, value in values.items() if value is not None}))
    if unset:
        shown = shown or [BLANK, Paragraph(Content.styled(heading, _HEAD))]
        shown.append(Paragraph(Content.styled(", ".join(unset), _MUTED), Content.styled("not set: ", _MUTED)))
    for key, value in facts.items():
        if isinstance(value, Mapping):
            shown += _part(f"{heading} · {line(key)}", value)
    return shown


def course(run: Run) -> list[Paragraph]:
    """Return the first and the last value of what matters, and the change between them."""
    told = []
    for name, label in _COURSE:
        column = run.get(name)
        ends = _ends(column) if column is not None else None
        if ends is not None:
            first, last = ends
            # of a beginning near 0, such as an agreement, a percentage says nothing
            tells = abs(last - first) < _TELLING * abs(first)
            change = f"{100 * (last - first) / abs(first):+.1f}%" if tells else ""
            told.append((label, numerals.full(first), numerals.full(last), change))
    wide = [max((len(row[n]) for row in told), default=0) for n in range(4)]
    rows = [
        Paragraph(
            Content.styled(f"{first:>{wide[1]}} → {last:>{wide[2]}}  {change:>{wide[3]}}".strip(), _TEXT),
            Content.styled(label.ljust(_USUAL + 1 + wide[1] - len(first)), _MUTED),
        )
        for label, first, last, change in told
    ]
    return [BLANK, Paragraph(Content.styled("First and last", _HEAD)), *rows] if rows else []


def _ends(column: Column) -> tuple[float, float] | None:
    """The first and the last finite value, looked for from both ends; None where there are not two of them."""
    value = column.value
    found = []
    for from_end in (False, True):
        for at in range(0, value.size, _BLOCK):
            block = value[max(0, value.size - at - _BLOCK) : value.size - at] if from_end else value[at : at + _BLOCK]
            hits = np.flatnonzero(np.isfinite(block))
            if hits.size:
                row = max(0, value.size - at - _BLOCK) + int(hits[-1]) if from_end else at + int(hits[0])
                found.append(row)
                break
    if len(found) < 2 or found[0] == found[1]:
        return None
    return float(value[found[0]]), float(value[found[1]])


def _table(heading: str, pairs: Iterable[tuple[str, str]]) -> list[Paragraph]:
    """A heading with a row a pair, the values below each other unless a name is very long."""
    shown = list(pairs)
    room = min(max(_USUAL, *(len(name) for name, _ in shown)), _LONGEST) if shown else 0
    rows = [
        Paragraph(styled(value, _TEXT), styled(name, _MUTED).pad_right(max(0, room - len(name))) + Content(" "))
        for name, value in shown
    ]
    return [BLANK, Paragraph(Content.styled(heading, _HEAD)), *rows] if rows else []


def _flat(facts: Mapping[str, object], above: str = "") -> Iterator[tuple[str, str]]:
    for key, value in facts.items():
        name = f"{above}{key}"
        if isinstance(value, Mapping):
            yield from _flat(value, f"{name}.")
        else:
            yield name, str(value).lower() if isinstance(value, bool) else str(value)
