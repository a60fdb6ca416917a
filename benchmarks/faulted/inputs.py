"""Data as people have it: each trains, and rightly, or is refused with one line."""

from __future__ import annotations

import gzip
import json
import os
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import chdir
from dataclasses import dataclass, field
from pathlib import Path
from unittest.mock import patch

from faulted.disk import wanted
from faulted.whole import lines
from faulted.world import STEPS, World
from sad_doctor import names

GOOD = "They rowed for hours, slowly, against wind and tide. The sea was calm and the sky was grey."


def rows(*texts: object) -> bytes:
    """Return JSON lines with a text each, behind enough good ones to train on and to hold out."""
    return b"".join(json.dumps({"text": text}).encode() + b"\n" for text in [*[GOOD] * 20, *texts])


def chats(*answers: str) -> bytes:
    """Return JSON lines with a question and an answer each."""
    return b"".join(json.dumps({"prompt": "How far?", "completion": one}).encode() + b"\n" for one in answers)


def long_row() -> str:
    """Return a megabyte of words in one row."""
    words, draw = GOOD.split(), random.Random(0)
    return " ".join(draw.choice(words) for _ in range(200_000))[: 1 << 20]


@dataclass(frozen=True, slots=True)
class Case:
    """A file, what comes of it (an exit code and words of what is told), and settings that it is read with.

    ``odd`` is the row, or the text, that the case is about: it must be trained on, in windows that spell it to the last
    byte. Where it is "", what is odd is refused, or left out.
    """

    name: str
    file: str
    content: Callable[[], bytes]
    code: int
    words: tuple[str, ...] = ()
    sets: Mapping[str, str] = field(default_factory=dict)
    odd: Callable[[], str] = str


ODD_TEXT = (GOOD * 60) + "\0\0 \0"
HEBREW = "שלום עולם, مرحبا بالعالم \u202eabc\u2066 " * 8
EMOJI = "👩‍👩‍👧‍👦🏳️‍🌈👍🏽 e\u0301\u0323 " * 40
NULS = "a\0b\0c " * 30
PADDED = GOOD + "<|pad|><|pad|>"
CASES = (
    Case("empty rows among others", "a.jsonl", lambda: rows("", "   ", "\n", None), 0, ("4 ", "empty")),
    Case("nothing but empty rows", "a.jsonl", lambda: b'{"text": ""}\n' * 30, 2),
    Case("an empty file", "a.txt", lambda: b"", 2),
    Case("rows of one token among others", "a.jsonl", lambda: rows("a", "b", "c"), 0),
    Case("nothing but rows of one token", "a.jsonl", lambda: b'{"text": "a"}\n' * 30, 2, ("too short",)),
    Case("a row of a megabyte", "a.jsonl", lambda: rows(*[long_row()] * 2), 0, odd=long_row),
    Case("a word of a megabyte", "a.jsonl", lambda: rows(*["x" * (1 << 20)] * 2), 0, odd=lambda: "x" * 1000),
    Case("only padding", "a.jsonl", lambda: b'{"text": "<|pad|><|pad|><|pad|>"}\n' * 30, 2),
    Case(
        "padding among others",
        "a.jsonl",
        lambda: rows("<|pad|>" * 9, *[PADDED] * 3),
        0,
        ("<|pad|>", "1 of 24 rows left out"),
        odd=lambda: PADDED,
    ),
    Case("bytes that are no UTF-8, text", "a.txt", lambda: GOOD.encode() * 50 + b"\xff\xfe", 2, ("is not UTF-8",)),
    Case("bytes that are no UTF-8, rows", "a.jsonl", lambda: rows() + b'{"text": "\xff"}\n', 2, ("line 21",)),
    Case(
        "half a surrogate pair", "a.jsonl", lambda: rows() + b'{"text": "a \\ud83d b"}\n', 0, ("1 of 21 rows left out",)
    ),
    Case("NUL in rows", "a.jsonl", lambda: rows(*[NULS] * 5), 0, odd=lambda: NULS),
    Case("NUL in text", "a.txt", lambda: b"\n\n".join([ODD_TEXT.encode()] * 6), 0, odd=lambda: "\0\0 \0"),
    Case("right to left", "a.jsonl", lambda: rows(*[HEBREW] * 20), 0, odd=lambda: HEBREW),
    Case("emoji of many parts", "a.jsonl", lambda: rows(*[EMOJI] * 20), 0, odd=lambda: EMOJI),
    Case("a shard that breaks off", "a.jsonl", lambda: rows()[:-30], 2, ("line 20",)),
    Case(
        "a packed shard that breaks off", "a.jsonl.gz", lambda: gzip.compress(rows(long_row()))[:-200], 2, ("broken",)
    ),
    Case("a Parquet file that breaks off", "a.parquet", lambda: b"PAR1" + bytes(500), 2, ("broken",)),
    Case("every label is masked", "a.jsonl", lambda: chats(*["  "] * 30), 2, (), {"data.template": "none"}),
    Case("answers beyond the length", "a.jsonl", lambda: chats(*["far " * 3] * 30), 0, (), {"data.template": "none"}),
)


class Inputs:
    """Goes through the cases; yields what is wrong with each."""

    def __init__(self, world: World) -> None:
        self.world = world

    def every(self) -> Iterator[tuple[str, list[str]]]:
        """Yield the name of each case, with what was told, and what was not as it must be."""
        for number, case in enumerate(CASES):
            place = self.world.folder / f"data-{number}"
            place.mkdir()
            (place / case.file).write_bytes(case.content())
            runs = f"runs-{number}"
            sets = [part for pair in case.sets.items() for part in ("--set", "=".join(pair))]
            words = ("--data", f"./{place.name}/{case.file}", "--output", runs, *sets)
            code, told = self.world.run("train", "--config", "run.toml", *words)
            seen = [] if case.code or code else self._seen(runs, case)
            yield (
                case.name,
                [*wanted(code, told, case.code, *case.words), *self._sound(runs, case), *seen, *_told(told)],
            )

    def _sound(self, runs: str, case: Case) -> Iterator[str]:
        """Yield what is wrong with the numbers of a run that trained."""
        if case.code:
            return
        found = lines(self.world.folder / runs / "latest")
        losses = [line[names.LOSS] for line in found if names.LOSS in line]
        if len(losses) != STEPS or not all(isinstance(one, float) and 0 < one < 50 for one in losses):
            yield f"the losses are {losses}"

    def _seen(self, runs: str, case: Case) -> list[str]:
        """Say in how many of the windows that were trained on the odd row is, and what is wrong with its windows."""
        windows, taken = trained_on(self.world, runs)
        odd = case.odd().encode()
        of_it = {at for document in documents(windows) if odd in _joined(windows, document) for at in document}
        # of a text that is odd in few places, only these windows
        of_it = {at for at in of_it if windows[at] in odd + END or odd in windows[at]}
        count = sum(at in of_it for at in taken)
        told = [f"(told) {count} of the {len(taken)} windows that were trained on are of the odd row"] if odd else []
        return told + unseen(windows, odd, count)


END = b"<|endoftext|>"
"""What ends the last window of a document."""


def trained_on(world: World, runs: str) -> tuple[list[bytes], list[int]]:
    """Return the bytes of each training window of a run, in the order of the text, and the numbers of those that its
    steps took. The run's own recipe is read and prepared again, from the run's own cache.
    """
    from sad.recipe import schema
    from sad.train.plan import make_plan

    with chdir(world.folder), patch.dict(os.environ, {"SAD_CACHE": str(world.folder / "cache")}):
        plan = make_plan(schema.load(Path(runs) / "latest" / "recipe.toml", {}))
    reader, schedule = plan.pair.readers.student, plan.schedule()
    special = reader.tokenizer.convert_ids_to_tokens
    windows = [
        b"".join(reader.bytes[i] or str(special(i)).encode() for i in plan.train[at].student.tolist())
        for at in range(len(plan.train))
    ]
    return windows, [int(at) for step in range(plan.steps) for row in schedule.taken(step) for at in row]


def documents(windows: Sequence[bytes]) -> Iterator[list[int]]:
    """Yield the numbers of the windows of each document; the last ones together, where their end is cut off."""
    held: list[int] = []
    for at, window in enumerate(windows):
        held.append(at)
        if window.endswith(END):
            yield held
            held = []
    if held:
        yield held


def _joined(windows: Sequence[bytes], document: Sequence[int]) -> bytes:
    return b"".join(windows[at] for at in document)


def unseen(windows: Sequence[bytes], odd: bytes, count: int) -> list[str]:
    """Say what is wrong where a row that should be trained on is in ``count`` windows that were."""
    if odd and not any(odd in _joined(windows, document) for document in documents(windows)):
        return ["no windows of one document spell the odd row"]
    return ["no window of the odd row was trained on"] if odd and not count else []


def _told(told: str) -> Iterator[str]:
    for line in told.splitlines():
        if line.startswith(("sad: ", "note: ")) and "prepared" not in line:
            yield f"(told) {line[:220]}"
