"""Caches of the tiny pair, written in a moment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sad.cache.absent import Absent
from sad.cache.manifest import Manifest
from sad.cache.part import HELD_OUT, TRAIN
from sad.cache.reader import open_cache
from sad.cache.writer import Source, Written, plan_parts, write
from sad.distiller import Distiller
from sad.models.forward import text_config
from sad.train.plan import Plan

Write = Callable[..., Manifest]


def source_of(plan: Plan) -> Source:
    pair = plan.pair
    distiller = Distiller(pair.student, pair.teacher, pair.vocab, plan.recipe.terms)
    examples = {TRAIN: plan.train, HELD_OUT: plan.held_out}
    return Source(distiller, pair.readers, examples, plan.recipe.train.batch_size)


@pytest.fixture
def written() -> Write:
    """Write what the teacher of a plan says."""

    def run(plan: Plan, folder: Path, done: Written | None = None, source: Any = None, **how: Any) -> Manifest:
        examples = {TRAIN: plan.train, HELD_OUT: plan.held_out}
        width = text_config(plan.pair.teacher).hidden_size
        chosen = {"blocks": sorted(plan.layers), "width": width, "shard_rows": 40, **how}
        heat = plan.recipe.terms.kd.temperature
        parts = plan_parts(examples, plan.pair.vocab.student_size, heat, **chosen)
        return write(folder, {"of": "tests", "temperature": heat}, parts, source or source_of(plan), done or Written(0))

    return run


@pytest.fixture
def without_teacher() -> Callable[[Plan, Path], Plan]:
    """Return the plan as it is with a cache: of the teacher only the configuration is left."""

    def run(plan: Plan, folder: Path) -> Plan:
        pair = replace(plan.pair, teacher=Absent(plan.pair.teacher.config))
        return replace(plan, pair=pair, cache=open_cache(str(folder)))

    return run
