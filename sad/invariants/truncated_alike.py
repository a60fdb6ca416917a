"""A text that is too long is cut alike for everyone who reads it.

## Property
Prompts and completions are prepared for models that take so many tokens. Of each piece that comes of it, everyone who
reads it has read the same bytes, and no more tokens than the models take: the student that wrote a completion, the
student that is trained on it, and the teacher that judges it. A text that fits is read whole. Where it is told, an end
mark stands behind the end of a text, for everyone, and none behind a cut.

## Why it must hold
A teacher that has read another prompt judges another question. The loss stays plausible: most of a text is still the
same, and short texts, which are most of a test, are not cut at all.

## Tolerance
None on the bytes.

## What breaks it
A prompt cut on the left to write, and on the right to be judged; a cut that is set for one of two encodings; a cut by
tokens where two tokenizers differ; an end mark behind every piece.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sad import tiny
from sad.verdict import Verdict

ID = "I10"


@dataclass(frozen=True, slots=True)
class Prompted:
    """A prompt and its completion."""

    prompt: str
    completion: str

    @property
    def spelled(self) -> bytes:
        """All of it."""
        return (self.prompt + self.completion).encode()


@dataclass(frozen=True, slots=True)
class Read:
    """What someone has read: the bytes, in so many tokens; marks that stand for no text are left out of both.

    ``ended`` is whether an end mark stands behind it, where that is told.
    """

    text: bytes
    tokens: int
    ended: bool | None = None


Prepare = Callable[[Sequence[Prompted], int], Sequence[Mapping[str, Read]]]
"""Takes texts and the most tokens that a model takes; returns for each piece of them what was read, by who read it."""

ROOM = 48
_SEA, _HARBOUR = "The sea was calm and the sky was grey.", tiny.TEXT.split("\n\n")[0]
TEXTS = (
    Prompted("“How far?” asked the captain; ", "nobody answered."),
    Prompted(f"{_HARBOUR} {_HARBOUR} ", "Nobody answered."),
    Prompted(f"{_SEA} ", f"{_HARBOUR} {_HARBOUR}"),
    Prompted(f"{_HARBOUR} {_SEA} ", f"{_SEA} {_HARBOUR}"),
)
"""One that fits, one with a long prompt, one with a long completion, one with both."""


def truncated_alike(prepare: Prepare) -> Verdict:
    """Judge what is read of four texts, each prepared alone and then all together."""
    pieces = 0
    for texts in (*((text,) for text in TEXTS), TEXTS):
        try:
            prepared = prepare(texts, ROOM)
        except Exception as error:
            # whatever it raises is what the user would see
            return Verdict(False, (str(error) or type(error).__name__).splitlines()[0], {"raised": 1})
        if fault := _fault(texts, prepared):
            return Verdict(False, fault, {"pieces": len(prepared)})
        pieces += len(prepared)
    return Verdict(True, f"{pieces} pieces of {len(TEXTS)} texts are read alike", {"pieces": pieces})


def _fault(texts: Sequence[Prompted], prepared: Sequence[Mapping[str, Read]]) -> str:
    """What is wrong with what was read, in a few words; empty if nothing is."""
    for readers in prepared:
        by_text: dict[bytes, list[str]] = {}
        for name, read in readers.items():
            by_text.setdefault(read.text, []).append(name)
        if len(by_text) > 1:
            first, second = list(by_text)[:2]
            return f"{_told(first, by_text[first])}, {_told(second, by_text[second])}"
        longest = max(readers, key=lambda name: readers[name].tokens)
        if readers[longest].tokens > ROOM:
            return f"{longest} reads {readers[longest].tokens} tokens where a model takes {ROOM}"
        ended = {read.ended for read in readers.values()} - {None}
        if len(ended) > 1:
            return "an end mark is read by one and not by the other"
        if ended and ended != {_ends(texts, next(iter(by_text)))}:
            return "an end mark stands behind a cut" if True in ended else "no end mark stands behind the end of a text"
    if not any(read.text for readers in prepared for read in readers.values()):
        return "nothing is read"
    if TEXTS[0] in texts and not any(TEXTS[0].spelled in r.text for readers in prepared for r in readers.values()):
        return "a text that fits is not read whole"
    return ""


def _ends(texts: Sequence[Prompted], piece: bytes) -> bool:
    """Whether a piece ends where a text does."""
    return any(text.spelled.endswith(piece) for text in texts)


def _told(text: bytes, names: Sequence[str]) -> str:
    """Who has read how many bytes, and how they begin."""
    return f"{' and '.join(names)} reads {len(text)} bytes from {text[:16].decode(errors='replace')!r}"
