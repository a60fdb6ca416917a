"""A teacher's cache as it is written, stopped, gone on with and opened: file by file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import count, product
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch

from sad.cache.part import HELD_OUT, TRAIN, Part
from sad.cache.reader import open_cache
from sad.cache.writer import Written, plan_parts, write
from sad.data import Example
from sad.errors import UserError
from sad.evaluate import Likelihood
from sad.head.target import Stored, TopK

PLACES = {TRAIN: (3, 0, 2, 4, 1, 1, 9, 2), HELD_OUT: (0, 5, 2)}
"""Places of each text: some files hold several texts, one text is more than a file should have."""
LENGTHS = (4, 9, 1, 6)
"""Tokens of the texts, in turn: they are asked for in another order than they lie in."""
TOKENS, HEAT, SHARD, WIDTH, BLOCK = 30, 2.0, 4, 2, 1
KEY, MEASURED = {"of": "this"}, Likelihood(3.5, 7, 20)


class StoppedError(Exception):
    """Somebody ends the writer."""


@dataclass
class Answers:
    """Answers for each text with numbers of its own, until it was asked ``stop`` times; ``asked`` are the places."""

    stop: int | None = None
    batch_size: int = 2
    asked: int = 0
    times: count[int] = field(default_factory=count)

    @property
    def examples(self) -> Mapping[str, Sequence[Example]]:
        """The texts, each of tokens that are its number."""
        return {
            name: [_example(number + 10 * (name == HELD_OUT), places) for number, places in enumerate(every)]
            for name, every in PLACES.items()
        }

    def records(self, part: Part, some: Sequence[Example]) -> np.ndarray:
        """Return the records of some texts. Raises StoppedError where it is time."""
        if next(self.times) == self.stop:
            raise StoppedError
        made = [_record(part, example) for example in some]
        self.asked += sum(map(len, made))
        return np.concatenate(made)

    def likelihood(self) -> Likelihood:
        """Return what was measured."""
        return MEASURED


@cache
def check_writing() -> None:
    """Raise AssertionError where a cache does not hold each text's own records, where a writer that goes on writes
    another one or asks again for what is there, or where a cache that is not whole is opened.
    """
    parts = plan_parts(Answers().examples, TOKENS, HEAT, k=3, bits=12, blocks=(BLOCK,), width=WIDTH, shard_rows=SHARD)
    every = sum(part.rows for part in parts.values())
    with TemporaryDirectory() as made:
        whole = Path(made) / "whole"
        _write(whole, parts, Answers())
        files = _files(whole)
        _check_read(whole, parts)
        for stop in count():
            folder = Path(made) / str(stop)
            try:
                _write(folder, parts, Answers(stop))
            except StoppedError:
                assert not _opens(folder), "a cache that is half written is opened"
            else:
                break
            there = sum(file.stat().st_size // parts[file.name.split("-0")[0]].layout.size for file in _rows(folder))
            # what a writer that was killed left behind
            for left in (".left.tmp", ".partial.json.tmp"):
                (folder / left).touch()
            rest, done = Answers(), Written(every)
            write(folder, KEY, parts, rest, done)
            assert _files(folder) == files, "a writer that goes on writes another cache"
            assert (rest.asked, done.kept, done.rows) == (every - there, there, every), "what is there is asked for"
            _check_refused(folder, parts)
        assert stop > len(_rows(whole)) / 2, "the writer is stopped in the middle"
        _check_damaged(whole, files)


def _check_refused(folder: Path, parts: Mapping[str, Part]) -> None:
    """Raise AssertionError where a cache is written over what is something else, or whole."""
    for name, key in (("manifest.json", KEY), ("partial.json", {"of": "another"}), ("other.txt", KEY)):
        if name == "partial.json":
            (folder / "manifest.json").rename(folder / name)
        if name == "other.txt":
            (folder / "partial.json").rename(folder / name)
        try:
            write(folder, key, parts, Answers(), Written(0))
        except UserError:
            continue
        raise AssertionError(f"a cache is written over {name}")


def _write(folder: Path, parts: Mapping[str, Part], source: Answers) -> None:
    write(folder, KEY, parts, source, Written(0))


def _check_read(folder: Path, parts: Mapping[str, Part]) -> None:
    """Raise AssertionError where a whole cache says something else than was answered."""
    opened = open_cache(str(folder))
    assert (opened.teacher, opened.manifest.key) == (MEASURED, KEY), "another likelihood, or another key"
    for name, some in Answers().examples.items():
        order = list(range(len(some)))
        for numbers in (order, order[::-1], order[1:2], []):
            wanted = [
                np.empty((0, parts[name].layout.size), np.uint8),
                *(_record(parts[name], some[i]) for i in numbers),
            ]
            found = opened.records[name].of(numbers)
            assert np.array_equal(found, np.concatenate(wanted)), "records of other texts"
    assert opened.first_held_out == len(PLACES[TRAIN]), "held-out texts are numbered otherwise"


def _check_damaged(folder: Path, files: Mapping[str, bytes]) -> None:
    """Raise AssertionError where a file that is short or gone is not noticed."""
    for name, file in product(PLACES, _rows(folder)):
        opened = open_cache(str(folder))
        file.write_bytes(files[file.name][:-1])
        assert not _opens(folder), "a cache is opened of which a file is cut off"
        file.unlink()
        assert not _opens(folder), "a cache is opened of which a file is gone"
        try:
            opened.records[name].of(range(len(PLACES[name])))
        except UserError:
            assert file.name.startswith(name), "a file that is there is not read"
        else:
            assert not file.name.startswith(name), "a file that is gone is read"
        file.write_bytes(files[file.name])


def _opens(folder: Path) -> bool:
    try:
        open_cache(str(folder))
    except UserError:
        return False
    return True


def _rows(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.rows"))


def _files(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in sorted(folder.iterdir())}


def _example(number: int, places: int) -> Example:
    at = np.arange(places)
    ids = np.full(places + LENGTHS[number % len(LENGTHS)], number)
    return Example(ids, ids, at, at, 0)


def _record(part: Part, example: Example) -> np.ndarray:
    """Records that tell a text, and a place in it, from every other."""
    number, places = int(example.teacher[0]), len(example.at_student)
    log_probs = -torch.arange(1.0, places + 1)[:, None] * torch.linspace(0.1, 0.2, TOKENS) - number
    lists = tuple(
        TopK(torch.arange(k).expand(places, k), log_probs[:, :k], log_probs[:, -1] - 1, heat)
        for heat, k in part.layout.lists
    )
    states = torch.full((places, WIDTH), number + 1.0)
    mass = torch.full((places,), 1 / (number + 1.0)) if part.layout.mass else None
    return part.layout.encode(Stored(lists, mass), {BLOCK: states})
