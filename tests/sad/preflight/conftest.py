"""Benches on tiny pairs, and a way to pick findings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pytest

from sad import tiny
from sad.pair import Pair
from sad.preflight.bench import Bench
from sad.preflight.finding import Finding, Level


@pytest.fixture
def bench() -> Callable[..., Bench]:
    def make(changes: Mapping[str, Any] | None = None, of: Pair | None = None) -> Bench:
        return Bench(tiny.plan(changes, of=of))

    return make


@pytest.fixture
def wrong() -> Callable[[Iterable[Finding]], list[Finding]]:
    def pick(findings: Iterable[Finding]) -> list[Finding]:
        return [f for f in findings if f.level is Level.WRONG]

    return pick
