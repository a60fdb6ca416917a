"""docs/failed-runs.md says of each log what the doctor says today, and names bugs and numbers that are there."""

from __future__ import annotations

import math
import re
from pathlib import Path

import failed_runs
import pytest

from sad import catalogue

DOCS = Path(__file__).parents[2] / "docs"
TEXT = (DOCS / "failed-runs.md").read_text(encoding="utf-8")


def test_the_page_and_those_behind_it_are_fresh() -> None:
    """If not: ``python benchmarks/failed_runs.py``."""
    assert sorted(failed_runs.stale(DOCS)) == []


def test_another_verdict_makes_the_page_stale() -> None:
    wanted = failed_runs.fresh(TEXT.replace("The weights never moved", "All is well"))
    assert wanted["failed-runs.md"] == TEXT
    with pytest.raises(SystemExit, match="run3"):
        failed_runs.fresh(TEXT.replace("<!-- doctor run3 -->", ""))


def test_frozen_weights_come_first_in_every_log_but_that_of_the_crash() -> None:
    first = {log: failed_runs.judged(log)[1].stories[0].finding.name for log in failed_runs.LOGS}
    assert first.pop("crash_168_160") == "crash"
    assert set(first.values()) == {"weights-frozen"}


def test_the_logs_are_linked_and_the_pages_small() -> None:
    for log in failed_runs.LOGS:
        assert f"(failed-runs/{log}.html)" in TEXT
        assert (DOCS / f"failed-runs/{log}.html").stat().st_size < 400_000


def test_the_bugs_that_are_named_are_in_the_catalogue() -> None:
    named = set(re.findall(r"\bV\d{3}\b", TEXT))
    assert len(named) > 8
    assert named <= {entry.code for entry in catalogue.entries()}


def test_the_arithmetic() -> None:
    assert f"{math.exp(20):,.2f}" == "485,165,195.41"
    assert f"{math.exp(28.35):.2e}" == "2.05e+12"
    parts = {"kd": 10.8479, "layerwise": 160.5575}
    assert f"{parts['layerwise'] / 177.1419:.1%} {parts['layerwise'] / sum(parts.values()):.1%}" == "90.6% 93.7%"
    assert round(parts["layerwise"] / 0.05) == 3211
    assert round(160.5575 * 34 / 384, 1) == 14.2
    assert f"{2.01e-5:.3e}" == "2.010e-05"
