"""The console log of a training: progress bars, blocks of loss parts, evaluations, warnings, a traceback.

The shape is that of the failed runs of the seed document, where steps are batches, as the bar counts them; that of
Hugging Face's Trainer; and that of lines that name their step and values.
"""

from __future__ import annotations

import re
from codecs import BOM_UTF8
from collections import deque
from pathlib import Path

from sad_doctor.readers import evaluation_set
from sad_doctor.readers.prefixes import without_prefix
from sad_doctor.readers.ranks import rank_of
from sad_doctor.readers.segments import Segments
from sad_doctor.readers.source import Log, Reader
from sad_doctor.readers.step_lines import trains
from sad_doctor.readers.table_lines import Tables
from sad_doctor.readers.tail import Tail
from sad_doctor.readers.tracebacks import Tracebacks
from sad_doctor.readers.transcript import Transcript
from sad_doctor.run import Run
from sad_doctor.sanitize import sanitize

FORMAT = "console log"
_LOSSES = re.compile(r"loss|ppl|perplexity|k[ld]|distil|total|entropy|nll|\bce\b|grad[ _.]?norm", re.IGNORECASE)
"""Words in a line that may hold a loss, or the norm of its gradient."""
_ARRAY = re.compile(rb"\s*\[\s*\{\s*\"")
"""The start of a JSON document, whose lines are no lines of a log."""
KEPT_LINES = 200
MOST_RANKS = 4096
_SIGNS = re.compile(
    rb"%\|[^|\r\n]*\|\s*\d+/\d+ \[|\[TRAIN DEBUG\] Step|\[TOTAL\] Loss:|Raw loss components:|\[Eval\] loss:"
    rb"|\[KD\] Raw:|Traceback \(most recent call last\)|\{'(?:eval_)?loss': '?[-\dni]"
)


def recognises(_path: Path, head: bytes) -> bool:
    """Return whether the text has a progress bar, a line or block of losses, an evaluation or a traceback."""
    if _SIGNS.search(head) is not None:
        return True
    if _ARRAY.match(head) is not None:
        return False
    tables = Tables()
    lines = (tables.told(without_prefix(sanitize(line))) for line in re.split(r"[\r\n]+", _text(head)))
    return trains(line for line in lines if _LOSSES.search(line) is not None)


def _text(told: bytes) -> str:
    """Decode; programs on Windows put a mark before the first line, and so do logs that were joined there."""
    return told.removeprefix(BOM_UTF8).decode("utf-8", "replace")


class ConsoleLog(Log):
    """Follows a text log. What stands behind the last line's end waits; an error there is shown at once."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._tail = Tail(path.resolve())
        self.pace = self._tail.pace
        self._reset()

    def _read(self) -> bool:
        return self._tail.read(self._take, self._reset)

    def _make_run(self) -> Run:
        rest = sanitize(self._segments.rest.decode("utf-8", "ignore"))
        told = self._transcript.snapshot(rest)
        notes = (*told.notes, *evaluation_set.notes(told.columns), *self._tail.notes)
        if self._left_out:
            notes = (
                *notes,
                f"{len(self._ranks)} ranks write into one log: the lines of rank {min(self._ranks)} "
                f"count, {self._left_out:,} of the others were left out, but for their errors",
            )
        notes = notes if not rest.strip() else (*notes, "the last line has no end yet: it waits")
        return Run(
            name=sanitize(self.path.name, 200),
            format=FORMAT,
            path=self.path,
            columns=told.columns,
            events=told.events,
            facts={**told.facts, **evaluation_set.facts(told.columns)},
            notes=notes,
            tail=(*self._lines, rest) if rest.strip() else tuple(self._lines),
        )

    def _take(self, chunk: bytes) -> None:
        for text, redraws in self._segments.feed(chunk):
            self._line(sanitize(_text(text)), redraws)

    def _line(self, line: str, redraws: bool) -> None:
        if redraws and self._lines:
            self._lines.pop()
        self._lines.append(line)
        if (ranked := rank_of(line)) is not None and not self._counts(*ranked):
            return
        self._transcript.line(line)

    def _counts(self, rank: int, line: str) -> bool:
        """Whether the lines of this rank are those that count; of another one the errors do."""
        if rank not in self._ranks and len(self._ranks) < MOST_RANKS:
            self._ranks[rank] = Tracebacks()
        if rank <= min(self._ranks):
            return True
        self._left_out += 1
        if rank in self._ranks and (error := self._ranks[rank].feed(line)) is not None:
            self._transcript.crash(f"{error} (rank {rank})")
        return False

    def _reset(self) -> None:
        self._segments = Segments()
        self._transcript = Transcript()
        self._lines: deque[str] = deque(maxlen=KEPT_LINES)
        self._ranks: dict[int, Tracebacks] = {}
        self._left_out = 0


READER = Reader(FORMAT, recognises, ConsoleLog)
