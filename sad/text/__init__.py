"""Documents from files, from the hub, or from the package: plain text, or chats with the part that is learned."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice

from sad import embedded
from sad.align.reader import Reader
from sad.document import Document
from sad.errors import UserError
from sad.recipe.inputs import EMBEDDED, SPLIT, Data
from sad.text.sources import Source, local, source
from sad.text.writer import BEGINNING, Tell, Writer


def documents(
    data: Data,
    seed: int,
    student: Reader | None = None,
    teacher: Reader | None = None,
    tell: Tell | None = None,
    rows: Source | None = None,
) -> tuple[Iterable[Document], Iterable[Document]]:
    """Return training documents and held-out documents, neither of them empty, to be gone through any number of times.

    They are lists, except the training documents of a stream: those are read anew each time, in the same order.
    Chats are written with a chat template of the ``student``'s or ``teacher``'s tokenizer. ``tell`` takes one line
    for whatever was guessed or left out; of a stream it does so once, at its first end. ``rows`` are those of
    ``data.text`` where they have been found before. Raises UserError when a source is missing, empty, broken, of an
    unknown kind, or lacks the column.
    """
    writer = Writer(data, [reader for reader in (student, teacher) if reader], tell)
    if data.text == EMBEDDED and isinstance(data.held_out, float):
        train, held = map(_plain, (embedded.train_text(), embedded.held_out_text()))
        return train[: data.limit], held
    stream = Stream(writer, rows or _rows(data.text, data), data.text, seed, data)
    rest = stream if data.streaming else list(stream)
    if isinstance(data.held_out, str):
        split = data.held_out.removeprefix(SPLIT) if data.held_out.startswith(SPLIT) else None
        name = data.text if split else data.held_out
        held = list(Stream(writer, _rows(name, data, split, own=True), name, seed, Data(learn=data.learn)))
    elif isinstance(rest, list):
        rest, held = _split(rest, data.held_out, seed, data.text)
    else:
        # the stream leaves out what is held out
        held = list(islice(stream.from_the_start(), int(data.held_out)))
    return rest[: data.limit] if isinstance(rest, list) else rest, held


def glance(data: Data, tell: Tell | None = None) -> Source | None:
    """Look at the first rows of whatever lies on this machine, and return its rows; None of what lies elsewhere.

    Raises UserError, before a model is loaded for it. ``tell`` takes a line where the search for files is a long one.
    """
    if data.text == EMBEDDED or not local(data.text):
        return None
    rows = _rows(data.text, data, tell=tell)
    Writer(data, []).look(islice(rows(), BEGINNING))
    return rows


@dataclass
class Stream:
    """Documents of a source in the order of its rows, or shuffled a little: a function of its arguments alone.

    Of a stream the first ``held_out`` documents are left out, and the others go through a buffer: each that comes
    takes the place of one drawn from it by the seed.
    """

    writer: Writer
    rows: Source
    origin: str
    seed: int
    data: Data
    _told: bool = field(default=False, init=False)

    def __iter__(self) -> Iterator[Document]:
        if not self.data.streaming:
            yield from self.from_the_start()
            return
        first = self.data.held_out if isinstance(self.data.held_out, int) else 0
        rest = islice(self.from_the_start(), first, None)
        empty = True
        for one in _shuffled(islice(rest, self.data.limit), self.data.shuffle_buffer, self.seed):
            empty = False
            yield one
        if empty:
            told = f"{self.origin} holds no document besides the {first:,} that are held out"
            raise UserError(f"{told}: set data.held_out to fewer")

    def from_the_start(self) -> Iterator[Document]:
        """Every document, in order. Raises UserError if there is none."""
        tally = self.writer.tally(self.origin)
        yield from self.writer.documents(self.rows(), tally)
        tally.finish(self.writer.told if not self._told else None)
        self._told = True


def _rows(name: str, data: Data, split: str | None = None, *, own: bool = False, tell: Tell | None = None) -> Source:
    if name == EMBEDDED:
        from sad.text.files import Row

        return lambda: (Row(name, "chapter", i, text) for i, text in enumerate(embedded.train_text(), start=1))
    # a file of its own for evaluation has nothing to do with the splits of the training text
    of = data if split or not own else data.model_copy(update={"split": None, "config": None})
    return source(name, of, split, tell)


def _plain(texts: list[str]) -> list[Document]:
    return [Document(text) for text in texts]


def _split(
    found: list[Document], held_out: float | int, seed: int, origin: str
) -> tuple[list[Document], list[Document]]:
    if len(found) < 2:
        raise UserError(f"{origin} holds one document only: name a file of its own in data.held_out")
    if isinstance(held_out, int):
        if held_out >= len(found):
            raise UserError(f"{origin} holds {len(found):,} documents: set data.held_out to fewer than that")
        return found[held_out:], found[:held_out]
    order = list(range(len(found)))
    random.Random(seed).shuffle(order)
    held = set(order[: max(1, round(held_out * len(found)))])
    if len(held) == len(found):
        held.pop()
    return [d for i, d in enumerate(found) if i not in held], [found[i] for i in sorted(held)]


def _shuffled(some: Iterable[Document], size: int, seed: int) -> Iterator[Document]:
    drawn, buffer = random.Random(seed), list[Document]()
    for one in some:
        if len(buffer) < size:
            buffer.append(one)
            continue
        at = drawn.randrange(size)
        buffer[at], one = one, buffer[at]
        yield one
    drawn.shuffle(buffer)
    yield from buffer
