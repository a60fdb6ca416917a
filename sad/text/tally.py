"""Counts of what was left out of the text, and why, for one line each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from sad.errors import UserError


class Tally:
    """What became of the rows of one source: ``rows`` read, ``kept`` as documents, the others by the reason."""

    def __init__(self, origin: str) -> None:
        self.origin = origin
        self.rows, self.kept, self.numbers = 0, 0, 0
        self._out: Counter[str] = Counter()
        self._first: dict[str, str] = {}
        self._seen: Counter[str] = Counter()

    def leave_out(self, reason: str, place: str) -> None:
        """Count a row that gives no document."""
        self._out[reason] += 1
        self._first.setdefault(reason, place)

    def notice(self, what: str) -> None:
        """Count a document that is kept, and that the user should know something of."""
        self._seen[what] += 1

    def finish(self, tell: Callable[[str], None] | None) -> None:
        """Tell what there is to tell. Raises UserError where no row gave a document, or each is a number."""
        if not self.kept:
            why = f": {self.reasons}" if self._out else ""
            raise UserError(f"{self.origin} holds no text{why}; name other text, or its column with data.column")
        if self.numbers == self.kept:
            raise UserError(f"{self.origin} holds numbers, not text: set data.column to another column")
        for line in self.lines() if tell else ():
            assert tell is not None
            tell(line)

    @property
    def reasons(self) -> str:
        """Why rows were left out, most frequent first."""
        return ", ".join(f"{count:,} rows {reason}" for reason, count in self._out.most_common())

    def lines(self) -> list[str]:
        """What to tell: nothing, if every row gave a document and none is odd."""
        left = [
            f"{self.origin}: {count:,} of {self.rows:,} rows left out {reason} (the first: {self._first[reason]})"
            for reason, count in self._out.most_common()
        ]
        return left + [
            f"{self.origin}: {count:,} of {self.kept:,} documents {what}" for what, count in self._seen.items()
        ]
