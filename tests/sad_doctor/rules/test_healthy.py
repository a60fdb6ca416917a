"""Healthy runs of many shapes raise no alarm."""

from dataclasses import replace

import numpy as np
import pytest
from healthy_runs import KINDS

from sad_doctor import names
from sad_doctor.check import check
from sad_doctor.finding import Level
from sad_doctor.run import Column, Run

SEEDS = range(28)


def cut_short(run: Run) -> Run:
    """A part from the beginning, and nothing says how long the run will be."""
    share = np.random.default_rng(len(run.columns[names.LOSS])).uniform(0.05, 1)
    end = run.first_step + share * (run.last_step - run.first_step)
    cut = {name: Column(c.step[c.step <= end], c.value[c.step <= end]) for name, c in run.columns.items()}
    return replace(run, columns=cut, facts={k: v for k, v in run.facts.items() if k != names.TOTAL_STEPS})


@pytest.mark.parametrize("part", [lambda run: run, cut_short], ids=["whole", "cut short"])
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("seed", SEEDS)
def test_healthy_run_raises_no_alarm(kind, seed, part):
    report = check(part(kind(seed)))

    assert not report.crashed
    assert [f for f in report.findings if f.level > Level.INFO] == []
    assert report.passed
