"""The accumulation forgets the nodes

## Symptom
On two nodes an optimizer step has twice the texts that were asked for, and an epoch half the steps. On one node all is
well.

## Mechanism
The user names the global batch. The accumulation is that, divided by the micro-batch and by the devices of one node;
the number of nodes is left out. Shown in two processes joined by gloo, each of which is a node with one device.

## What its documented fix did
It divided by the nodes too. Before that, a batch for each machine had been defended as a convenience; the name of the
setting says that it is global.

## Fix
The schedule counts processes, wherever they are, and everything follows from it: texts of a step, steps of an epoch,
learning rate (`sad/data/schedule.py`, `sad/train/loop.py`).

## Source
Lightning-AI/litgpt#1947 (3eb93c8d), issues #1927 and #1474; G03 of the catalogue of real bugs.
"""

from __future__ import annotations

from sad.bug import Bug
from sad.invariants.configuration_has_effect import configuration_has_effect
from sad.invariants.split_invariance import split_invariance
from sad.shipped.trainer import shipped_trainer
from sad.subjects.plain.ddp_loop import DdpLoop
from sad.subjects.trainer import Trainer


class _DevicesOnly(DdpLoop):
    def accumulation(self) -> int:
        return self.setup.global_batch // (self.setup.micro_batch * self.setup.devices)


def buggy() -> Trainer:
    """Nodes are not counted."""
    return _DevicesOnly()


fixed = shipped_trainer

BUG = Bug(
    "V408",
    "nodes-not-counted",
    __doc__,
    (split_invariance, configuration_has_effect),
    buggy,
    fixed,
    covers=("G03",),
)
