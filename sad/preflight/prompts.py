"""Prompts of chats: no byte of theirs is a label, and the answers are; told from the rows themselves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from sad.align.reader import Reader
from sad.data import Example, collate
from sad.preflight.bench import Bench
from sad.preflight.finding import Finding, Level, judged
from sad.recipe.inputs import EMBEDDED, Data
from sad.text.columns import chat, form
from sad.text.sources import source

TOPIC = "prompt masking"
CHATS, WINDOWS, AT_ONCE = 100, 256, 16
"""Rows and windows that are looked at, from the beginning."""
LEAST = 12
"""Characters that a message must have to be looked for: shorter ones stand in other places too."""
COVERED = 0.5
"""Share of an answer's bytes that are labels at least: tokens that reach over its edges are left out."""


@dataclass(slots=True)
class Counted:
    """Messages that stand whole in a window: prompts and answers, and those of them that are masked wrongly."""

    prompts: int = 0
    answers: int = 0
    leaked: int = 0
    lost: int = 0


def mask_prompts(bench: Bench) -> Finding:
    """Judge, in windows of the run, whether prompts are no labels and answers are."""
    data = bench.plan.recipe.data
    told = messages(data)
    if told is None:
        return _no_prompt(data)
    if data.learn == "all":
        says = "data.learn is all: prompts are labels too, as the recipe asks"
        return Finding(TOPIC, Level.FINE, says)
    count = _count(bench, *told)
    if not count.answers:
        says = f"not one answer of the first {CHATS} chats stands whole in a window of {data.max_length} tokens"
        return Finding(TOPIC, Level.SKIPPED, says)
    return judged(
        TOPIC,
        bool(count.leaked or count.lost),
        f"{count.answers:,} answers in {WINDOWS} windows at the most are labels, and not a byte of {count.prompts:,} "
        "messages before them",
        f"{count.leaked:,} of {count.prompts:,} messages that are prompts have labels, {count.lost:,} of "
        f"{count.answers:,} answers have none",
        advice="look at one window's labels; data.template may write these chats in an order of its own",
        numbers={"prompts": count.prompts, "answers": count.answers, "leaked": count.leaked, "lost": count.lost},
    )


def messages(data: Data) -> tuple[set[bytes], set[bytes]] | None:
    """Return what the first chats' prompts and answers say; None where the rows are running text.

    What is said as both is neither: where it stands does not tell which it is.
    """
    if data.text == EMBEDDED:
        return None
    rows = list(islice(source(data.text, data)(), CHATS))
    columns = list(dict.fromkeys(name for row in rows if not isinstance(row.values, str) for name in row.values))
    if not columns:
        return None
    of = form(data, columns, rows[0].origin)
    if of.kind == "plain":
        return None
    prompts: set[bytes] = set()
    answers: set[bytes] = set()
    for row in rows:
        found = None if isinstance(row.values, str) else chat(row.values, of, row.place)
        for i, message in enumerate(found[0] if found else []):
            text = str(message["content"]).rpartition("</think>")[2].strip()
            if len(text) >= LEAST:
                learned = found is not None and message["role"] == "assistant" and i >= found[1]
                (answers if learned else prompts).add(text.encode("utf-8", "surrogatepass"))
    return prompts - answers, answers - prompts


def _count(bench: Bench, prompts: set[bytes], answers: set[bytes]) -> Counted:
    count = Counted()
    readers = bench.plan.pair.readers
    some = bench.plan.train[:WINDOWS]
    for start in range(0, len(some), AT_ONCE):
        part = some[start : start + AT_ONCE]
        targets = collate(part, readers).targets
        for row, one in enumerate(part):
            text, covered = spelled(one, targets.position[targets.row == row].numpy(), readers.student)
            inside = np.zeros(len(covered), dtype=bool)
            for answer in answers:
                places = list(_places(answer, text))
                shares = [float(covered[at : at + len(answer)].mean()) for at in places]
                for at in places:
                    inside[at : at + len(answer)] = True
                count.answers += bool(places)
                count.lost += bool(places) and max(shares) < COVERED
            for prompt in prompts:
                places = [at for at in _places(prompt, text) if not inside[at : at + len(prompt)].any()]
                count.prompts += bool(places)
                count.leaked += any(covered[at : at + len(prompt)].any() for at in places)
    return count


def spelled(one: Example, positions: NDArray[np.int64], reader: Reader) -> tuple[bytes, NDArray[np.bool_]]:
    """Return a window's bytes as its tokens spell them, and which of them belong to a label."""
    parts = [reader.bytes[i] or b"" for i in one.student.tolist()]
    labels = np.zeros(len(parts), dtype=bool)
    labels[positions + 1] = True
    return b"".join(parts), np.repeat(labels, [len(part) for part in parts])


def _places(wanted: bytes, text: bytes) -> Iterator[int]:
    at = text.find(wanted)
    while at >= 0:
        yield at
        at = text.find(wanted, at + 1)


def _no_prompt(data: Data) -> Finding:
    named = "the embedded text" if data.text == EMBEDDED else f"{data.text} (column {data.column or 'text'!r})"
    says = (
        f"{named} is running text, in which nothing is marked as a prompt: every token is a label, and there is no "
        "mask that could be wrong"
    )
    return Finding(TOPIC, Level.SKIPPED, says)
