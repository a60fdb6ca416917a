"""Data as people have it: each trains, and rightly, or is refused with one line."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from faulted.disk import wanted
from faulted.whole import lines
from faulted.world import World
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
    """A file, what comes of it (an exit code and words of what is told), and settings that it is read with."""

    name: str
    file: str
    content: Callable[[], bytes]
    code: int
    words: tuple[str, ...] = ()
    sets: Mapping[str, str] = field(default_factory=dict)


CASES = (
    Case("empty rows among others", "a.jsonl", lambda: rows("", "   ", "\n", None), 0, ("4 ", "empty")),
    Case("nothing but empty rows", "a.jsonl", lambda: b'{"text": ""}\n' * 30, 2),
    Case("an empty file", "a.txt", lambda: b"", 2),
    Case("rows of one token among others", "a.jsonl", lambda: rows("a", "b", "c"), 0),
    Case("nothing but rows of one token", "a.jsonl", lambda: b'{"text": "a"}\n' * 30, 2, ("too short",)),
    Case("a row of a megabyte", "a.jsonl", lambda: rows(long_row()), 0),
    Case("a word of a megabyte", "a.jsonl", lambda: rows("x" * (1 << 20)), 0),
    Case("only padding", "a.jsonl", lambda: b'{"text": "<|pad|><|pad|><|pad|>"}\n' * 30, 2),
    Case("padding among others", "a.jsonl", lambda: rows("<|pad|>" * 9, GOOD + "<|pad|><|pad|>"), 0, ("<|pad|>",)),
    Case("bytes that are no UTF-8, text", "a.txt", lambda: GOOD.encode() * 50 + b"\xff\xfe", 2, ("is not UTF-8",)),
    Case("bytes that are no UTF-8, rows", "a.jsonl", lambda: rows() + b'{"text": "\xff"}\n', 2, ("line 21",)),
    Case("half a surrogate pair", "a.jsonl", lambda: rows() + b'{"text": "a \\ud83d b"}\n', 0),
    Case("NUL in rows", "a.jsonl", lambda: rows("a\0b\0c " * 30), 0),
    Case("NUL in text", "a.txt", lambda: b"\n\n".join([GOOD.encode() * 60 + b"\0\0 \0"] * 6), 0),
    Case("right to left", "a.jsonl", lambda: rows(*["שלום עולם, مرحبا بالعالم \u202eabc\u2066 " * 8] * 20), 0),
    Case("emoji of many parts", "a.jsonl", lambda: rows(*["👩‍👩‍👧‍👦🏳️‍🌈👍🏽 e\u0301\u0323 " * 40] * 20), 0),
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
            words = ("--data", f"./{place.name}/{case.file}", "--max-steps", "6", "--output", runs, *sets)
            code, told = self.world.run("train", "--config", "run.toml", *words)
            yield case.name, [*wanted(code, told, case.code, *case.words), *self._sound(runs, case), *_told(told)]

    def _sound(self, runs: str, case: Case) -> Iterator[str]:
        """Yield what is wrong with the numbers of a run that trained."""
        if case.code:
            return
        found = lines(self.world.folder / runs / "latest")
        losses = [line[names.LOSS] for line in found if names.LOSS in line]
        if len(losses) != 6 or not all(isinstance(one, float) and 0 < one < 50 for one in losses):
            yield f"the losses are {losses}"


def _told(told: str) -> Iterator[str]:
    for line in told.splitlines():
        if line.startswith(("sad: ", "note: ")) and "prepared" not in line:
            yield f"(told) {line[:220]}"
