"""The account of a step as the training loop counts it and writes it down."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from sad import objective, tiny
from sad.batch import Sum
from sad.invariants.parts_reported import Part, Report, Reported
from sad.train.ledger import record
from sad.train.plan import Plan
from sad.train.saving.checkpoint import Progress
from sad.train.step import Step
from sad_doctor import names
from sad_doctor.record import METRICS


def report() -> Report:
    """Return what the objective makes of a step's terms, as the record has it."""
    return _report


def _report(parts: Mapping[str, Part]) -> Reported:
    made = objective.Objective({name: part.weight for name, part in parts.items()})
    ledger = made.ledger(
        {name: part.total for name, part in parts.items()}, {name: part.units for name, part in parts.items()}
    )
    with TemporaryDirectory() as folder:
        kept = record.Record(Path(folder), _plan(), tiny.Silent())
        with kept.recorder:
            kept.step(
                Progress(step=1),
                Step(ledger, 1.0, finite=True, tokens=1, seen=1, texts=1, coverage=1.0, update_ratio=None),
                0.1,
                0.0,
                1.0,
            )
        line = json.loads((Path(folder) / METRICS).read_text(encoding="utf-8").splitlines()[0])
    of = {
        what: {name.removeprefix(prefix): float(value) for name, value in line.items() if name.startswith(prefix)}
        for what, prefix in (("raw", names.RAW), ("weight", names.WEIGHT), ("weighted", names.WEIGHTED))
    }
    sums = {name: Sum(torch.tensor(part.total, dtype=torch.float64), part.units) for name, part in parts.items()}
    trained = float(made.part(sums, {name: part.units for name, part in parts.items()}))
    return Reported(float(line[names.LOSS]), **of, shares=ledger.shares, trained=trained)


@cache
def _plan() -> Plan:
    return tiny.plan({"train": {"log_every": 1}})
