"""Every form in which a loss is tried, the likeliest first."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from typing import Any

import torch

from sad.judge.losses.call import Call
from sad.judge.losses.context import MERGED, of_classes, source
from sad.judge.losses.layers import layered
from sad.judge.roles import Role, Space

FOUR = re.compile(
    r"\w+\s*,\s*\w+\s*,\s*(?:h\w*\s*,\s*w\w*|w\w*\s*,\s*h\w*)\s*=\s*(\w+)(\[0\])?\.(?:shape|size\(\))", re.IGNORECASE
)
"""Where a source reads four sizes, height and width last: those of an image's logits, [batch, vocab, height, width]."""
LOG, PROB, LOGIT = Space.LOG_PROBS, Space.PROBS, Space.LOGITS
OF_OUTPUT = re.compile(r"""\.logits|\[['"]logits['"]\]|\.get\(\s*['"]logits['"]""")
"""Where a source reads the logits of a model's output."""
OF_OTHERS = re.compile(r"state|hidden|feat|attention|attn|emb|\bz\d?\b|source|matri|repr", re.IGNORECASE)
"""In the names of what are no logits."""
SPACES = ((LOGIT, LOGIT), (LOG, PROB), (LOG, LOG), (PROB, PROB))


def forms(call: Call) -> Iterator[Call]:
    """Every form in which it is tried, the likeliest first."""
    text = source(call)
    layers = layered(call.reading.roles, text)
    rows_first = (call.hidden or of_classes(call)) and not MERGED.search(text)
    ranks = (3,) if layers else (2, 3) if rows_first else (3, 2)
    dense, first = of_places(call)
    ranks = (4,) if dense else ranks
    spaces = _spaces(call)
    masked = call.takes(Role.MASK, Role.PADDING, Role.BATCH)
    masks = (torch.bool, torch.long, torch.float32) if masked else (torch.bool,)
    if call.takes(Role.MODEL):
        # beside a model a batch is as a tokenizer made it
        masks = (torch.long, torch.bool, torch.float32)
    order = (False, True) if not call.reading.ordered else (False,)
    listed = re.search(r"list\[(torch\.)?tensor", text, re.IGNORECASE) and not layers
    number = re.search(r"num_\w*chunks\w*\s*:\s*int\s*=\s*(\d+)", text)
    chunks = (int(number[1]) if number else 2, 0) if listed else (0,)
    outputs = (False, True) if OF_OUTPUT.search(text) else (False,)
    outputs = (True,) if call.form.outputs else outputs
    flips, longer = ((False, True), (False, True)) if masked else ((False,), (False,))
    even = "tensor_split" in text
    whole = (False, True) if call.takes(Role.LABELS, Role.BATCH) else (False,)
    named = bool(OF_OUTPUT.search(text)) or ".loss" in text
    bares = ((False, True) if named else (True, False)) if call.takes(Role.MODEL, Role.TEACHER_MODEL) else (False,)
    mine = call.reading.named(Role.STUDENT)
    two = any(re.search(rf"\w+\s*,\s*\w+\s*=\s*{name}\s*$", text, re.MULTILINE) for name in mine)
    twice = (True, False) if two else (False,)
    masked_by = [*call.reading.named(Role.MASK), *call.reading.named(Role.PADDING)]
    # a mask that loses its last axis has one of one
    column = call.form.column or any(re.search(rf"\b{name}\.squeeze\((?:dim=)?(?:-1|2)\)", text) for name in masked_by)
    forms = (twice, bares, whole, chunks, outputs, longer, flips, ranks, spaces, order, masks)
    every: Iterator[tuple[Any, ...]] = itertools.product(*forms)
    for pairs, bare, full, chunked, output, more, flip, rank, (student, teacher), swapped, dtype in every:
        if chunked and rank == 2:
            continue
        changes: dict[str, Any] = {
            "rank": rank,
            "student": student,
            "teacher": teacher,
            "chunks": chunked,
            "even": even,
        }
        changes |= {"outputs": output, "swapped": swapped, "masks": dtype, "flipped": flip, "longer": more}
        changes |= {"bare": bare, "pairs": pairs, "column": column, "first": first}
        yield call.formed(**changes, whole=full)


def of_places(call: Call) -> tuple[bool, bool]:
    """Whether logits are those of every place of an image, by the source; and whether as the first of several outputs.

    Maps of features and of attention have four axes too, and other distributions. Of labels beside logits it is not
    known which places of an image they leave out.
    """
    text = source(call)
    if call.takes(Role.LABELS, Role.MASK, Role.PADDING, Role.BATCH):
        return False, False
    sides = [*call.reading.named(Role.STUDENT), *call.reading.named(Role.TEACHER)]
    told = next((one for one in FOUR.finditer(text) if one[1] in sides), None)
    if told is None or "softmax" not in text.lower() or any(OF_OTHERS.search(name) for name in sides):
        return False, False
    return True, bool(told[2])


def _spaces(call: Call) -> tuple[tuple[Space, Space], ...]:
    told = call.reading.spaces
    student, teacher = told.get(Role.STUDENT), told.get(Role.TEACHER)
    if student and teacher:
        named = "|".join(call.reading.named(Role.TEACHER))
        if re.search(rf"prob\w*\s*=\s*(?:{named})\b(?!\w*\s*[/.]\s*\w*(?:temp|tau|T\b|softmax))", source(call)):
            # what is named logits is called probabilities where it is read
            return ((student, Space.PROBS), (student, teacher))
        return ((student, teacher),)
    if call.hidden:
        return SPACES[:1]
    if student is LOGIT and teacher is None:
        # targets beside logits may be softened already
        return ((LOGIT, LOGIT), (LOGIT, PROB), (LOGIT, LOG))
    return tuple(s for s in SPACES if student in (None, s[0]) and teacher in (None, s[1])) or SPACES[:1]
