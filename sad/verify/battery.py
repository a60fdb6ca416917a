"""Runs the catalogue: each check must catch its bug, and the code that trains must be free of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from sad.bug import Bug
from sad.bugs import BUGS
from sad.catalogue import chosen, core
from sad.verdict import Invariant, Verdict

SHIPPED = "sad.shipped."
"""Where the code that trains stands behind the interfaces of the invariants."""

Known = dict[tuple[Invariant, Callable[[], Any]], Verdict]


@dataclass(frozen=True, slots=True)
class Outcome:
    """A bug, judged. ``reproduced`` is what its faulty code did, ``attempts`` what its documented fixes did,
    ``fixed`` what the code that trains does, ``variants`` what other forms of the fault did.
    """

    bug: Bug
    reproduced: tuple[Verdict, ...]
    attempts: dict[str, tuple[Verdict, ...]]
    fixed: tuple[Verdict, ...]
    seconds: float
    variants: dict[str, tuple[Verdict, ...]] = field(default_factory=dict)

    @property
    def faulty(self) -> dict[str, tuple[Verdict, ...]]:
        """The verdicts on every faulty implementation, by what it is called."""
        return {"the bug": self.reproduced, **self.attempts, **self.variants}

    @property
    def blind(self) -> list[str]:
        """The faulty implementations on which no invariant breaks."""
        return [name for name, judged in self.faulty.items() if all(v.holds for v in judged)]

    @property
    def caught(self) -> bool:
        """Whether some invariant breaks on the faulty code, on every documented fix that was none, on every variant."""
        return not self.blind

    @property
    def absent(self) -> bool:
        """Whether every invariant holds on the code that trains."""
        return all(v.holds for v in self.fixed)

    @property
    def good(self) -> bool:
        """Caught and absent."""
        return self.caught and self.absent


def choose(codes: Sequence[str], *, everything: bool = False) -> tuple[Bug, ...]:
    """Return the bugs whose code starts with one of ``codes`` or whose name is one.

    If none is given: the core, or with ``everything`` the whole catalogue. Raises UserError naming the code that fits
    no bug.
    """
    return chosen(BUGS, codes) if codes or everything else core(BUGS)


def run(bugs: Iterable[Bug], known: Known | None = None) -> Iterator[Outcome]:
    """Judge each bug, one after the other.

    What many bugs share, an adaptor of the code that trains in `sad/shipped/`, is judged once by each property;
    ``known`` holds these verdicts and may be kept from one call to the next.
    """
    known = {} if known is None else known
    for bug in bugs:
        started = time.perf_counter()
        reproduced = _verdicts(bug, bug.buggy, on_error=True)
        attempts = {name: _verdicts(bug, make, on_error=True) for name, make in bug.attempts.items()}
        variants = {name: _verdicts(bug, make, on_error=True) for name, make in bug.variants.items()}
        fixed = _fixed(bug, known)
        yield Outcome(bug, reproduced, attempts, fixed, time.perf_counter() - started, variants)


def _fixed(bug: Bug, known: Known) -> tuple[Verdict, ...]:
    if not bug.fixed.__module__.startswith(SHIPPED):
        return _verdicts(bug, bug.fixed, on_error=False)
    for invariant in bug.invariants:
        if (invariant, bug.fixed) not in known:
            known[invariant, bug.fixed] = _judge(invariant, bug.fixed, on_error=False)
    return tuple(known[invariant, bug.fixed] for invariant in bug.invariants)


def _verdicts(bug: Bug, make: Callable[[], Any], *, on_error: bool) -> tuple[Verdict, ...]:
    return tuple(_judge(invariant, make, on_error=on_error) for invariant in bug.invariants)


def _judge(invariant: Invariant, make: Callable[[], Any], *, on_error: bool) -> Verdict:
    """Judge an implementation; one that raises gets ``on_error``: it neither proves a check nor passes one."""
    try:
        return invariant(make())
    except Exception as error:
        # whatever the code under check raises, the other bugs are still to be judged
        return Verdict(on_error, f"raised {type(error).__name__}: {str(error).split(chr(10))[0]}")
