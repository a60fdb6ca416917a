"""What is learned of a text is its completion, each token from the tokens before it, the end mark included.

## Property
Judged with a model that is a table: which token follows which. The gradient of the loss over that table names every
pair (token read, token to be predicted) that is taught. They are those of the completions, from the token before the
first to the end mark, and no others: not of the prompt (unless all of every prompt is learned too), not of padding,
not from one text to the next, no end mark where a text was cut. Those of one text count alike. A table that knows the
next token has a loss near 0, one that copies what it reads or looks two tokens ahead a high one. So it is in training
and in evaluation, also where the end mark is the padding mark, and where one stands inside a text.

## Why it must hold
The loss looks much the same with the wrong targets (5.04 against 5.29 for those of two tokens ahead), and the student
learns to skip a token, to copy, or never to stop.

## Tolerance
A pair is taught if it has more than 1e-3 of the largest gradient. The table of the next token has a loss below 1e-3 of
that of the others, whatever the loss is divided by (right implementations: 1e-12 of it).

## What breaks it
Labels masked where they equal the padding mark; labels shifted by the collator and by the loss; a shift after packing;
a prompt masked by another length than it was read with; an end mark put behind a cut; an evaluation without a loss.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import torch

from sad.invariants._models import Table, drawn
from sad.subjects.text_loss import Marks, Text, TextLoss
from sad.verdict import Verdict

ID = "I10"

EOS, PAD, SIZE = 0, 1, 40
TEXTS = (
    Text((2, 3, 4), (5, 6, 7, EOS)),
    Text((), (8, 9, 10, 11, 12, 13, 14, EOS)),
    # an end mark inside, as between the turns of a conversation
    Text((15, 16, 17, 18, 19), (20, 21, EOS, 22, EOS)),
    Text((23,), (24, EOS)),
    # one that was cut: it does not end here
    Text((25,), (26, 27)),
)
"""No token stands in two places, so that a pair of tokens is a place; but for the end mark."""
SURE = 30.0
TAUGHT = 1e-3
LOW = 1e-3

Pair = tuple[int, int]


def target_alignment(loss: TextLoss) -> Verdict:
    """Judge which pairs are taught, then three tables, in training and evaluation, with two padding marks."""
    values: dict[str, float] = {}
    for name, training, marks in _situations():
        taught = _taught(loss, training, marks)
        if isinstance(taught, str):
            return Verdict(False, f"{taught} (in {name})", {"raised": 1})
        if fault := _fault(set(taught)) or _uneven(taught):
            return Verdict(False, f"{fault} (in {name})", {"taught": len(taught)})
        for table, ahead in (("the next token", 1), ("the token read", 0), ("two tokens ahead", 2)):
            values[table] = float(loss(_table(ahead, training), TEXTS, marks).detach())
        right, wrong = values["the next token"], min(values["the token read"], values["two tokens ahead"])
        if not right < LOW * wrong:
            return Verdict(False, f"{_told(values)} (in {name})", values)
    ends = sum(pair[1] == EOS for pair in taught)
    return Verdict(True, f"{len(taught)} pairs, {ends} of them end marks; {_told(values)}", values)


def _situations() -> Iterator[tuple[str, bool, Marks]]:
    yield "training", True, Marks(EOS, PAD)
    yield "training, padded with the end mark", True, Marks(EOS, EOS)
    yield "evaluation", False, Marks(EOS, EOS)


def _taught(loss: TextLoss, training: bool, marks: Marks) -> dict[Pair, float] | str:
    """The pairs that are taught and how much each counts, or what went wrong, in words.

    From a table of zeros every prediction is uniform.
    """
    model = Table(torch.zeros(SIZE, SIZE, dtype=torch.float64)).train(training)
    below = drawn(model, lambda: loss(model, TEXTS, marks))
    if isinstance(below, str):
        return below
    return {(int(i), int(j)): float(below[i, j]) for i, j in (below > TAUGHT * below.max()).nonzero()}


def _fault(taught: set[Pair]) -> str:
    """What is wrong with the pairs that are taught, the most telling first; empty if nothing is."""
    wanted, prompts = _pairs(False), _pairs(True) - _pairs(False)
    missing, extra = wanted - taught, taught - wanted
    if prompts <= extra:
        # a language-model loss of whole texts learns their prompts too
        extra -= prompts
    if not missing and not extra:
        return ""
    ends = [pair for pair in missing if pair[1] == EOS]
    if ends and len(ends) == len(missing) and not extra:
        stops = sum(pair[1] == EOS for pair in wanted)
        return f"{stops - len(ends)} of {stops} end marks are targets"
    two_ahead = {(a, c) for a, b in _pairs(True) for b_, c in _pairs(True) if b == b_ and a != c}
    if len(extra & two_ahead) > len(extra) / 2:
        return f"{len(extra & two_ahead)} tokens are predicted from two places before them"
    counts = Counter(_kind(pair) for pair in extra)
    told = [f"{count} pair{'s' * (count > 1)} {kind}" for kind, count in counts.most_common()]
    return "; ".join(([f"{len(missing)} of {len(wanted)} targets are missing"] if missing else []) + told)


def _uneven(taught: dict[Pair, float]) -> str:
    """Whether a target counts more than another one of its text, in words."""
    for text in TEXTS:
        counts = {text.ids[i]: taught[text.ids[i - 1], text.ids[i]] for i in range(text.first, len(text.ids))}
        least, most = min(counts.values()), max(counts.values())
        if not most - least <= TAUGHT * most:
            return f"a target counts {most / least:.3g} times as much as another of its text"
    return ""


def _kind(pair: Pair) -> str:
    read, predicted = pair
    if PAD in pair:
        return "of padding"
    if (read, predicted) in _pairs(True):
        return "of a prompt"
    if read == predicted == EOS:
        return "of padding"
    if predicted == EOS and any(text.ids[-1] == read for text in TEXTS):
        return "from a text that was cut to an end mark"
    if any(text.ids[-1] == read for text in TEXTS) and any(text.ids[0] == predicted for text in TEXTS):
        return "from the end of a text to the first token of another"
    return "that no text contains"


def _pairs(prompts: bool) -> set[Pair]:
    return {
        (text.ids[i - 1], text.ids[i]) for text in TEXTS for i in range(1 if prompts else text.first, len(text.ids))
    }


def _table(ahead: int, training: bool) -> Table:
    """A table that is sure of the token ``ahead`` of what it reads, counted from it; 0 is the token itself."""
    table = torch.zeros(SIZE, SIZE, dtype=torch.float64)
    for text in TEXTS:
        for i in range(len(text.ids) - ahead):
            if text.ids[i] != EOS or ahead == 1:
                table[text.ids[i], text.ids[i + ahead]] = SURE
    return Table(table).train(training)


def _told(values: dict[str, float]) -> str:
    return ", ".join(f"{value:.2g} nats for {name}" for name, value in values.items())
