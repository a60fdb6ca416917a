"""The training loop on a stream, which is read while it runs, as a run that can be taken up again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

from sad import data, tiny
from sad.data import cache, pools, schedule, segments, stream
from sad.shipped.resumable import LoopRun
from sad.shipped.scheduled import check_streams
from sad.subjects.resumable import Resumable, Setting
from sad.train.plan import Plan

FIRST, POOL = 1, 4
"""Steps of the first pool and of the largest: a pass of a few steps has several of each."""
OPEN = 2
"""Segments that are open at a time; each text is one."""
STRIDE, LENGTH = 23, 30
"""Characters between the beginnings of two texts, and of the first of them: each next one is longer by one."""
ROOM = 64


class StreamRun(LoopRun):
    """The training loop on texts that come one after the other. What is prepared stays where the next run finds it."""

    def __init__(self) -> None:
        super().__init__()
        self._folder = TemporaryDirectory(ignore_cleanup_errors=True)

    @contextmanager
    def _small(self) -> Iterator[None]:
        with ExitStack() as small:
            # a text is a segment, and no disk is waited for
            small.enter_context(patch.multiple(segments, FIRST=1, MOST=1))
            small.enter_context(patch.multiple(pools, FIRST=FIRST, POOL=POOL))
            small.enter_context(patch.object(schedule, "POOL", POOL))
            small.enter_context(patch.object(stream, "OPEN", OPEN))
            small.enter_context(patch.object(cache, "sync"))
            yield

    def _read(self, plan: Plan, setting: Setting) -> Plan:
        read = data.Streamed(iter(_texts(setting)), plan.pair.readers, ROOM, Path(self._folder.name), workers=0)
        read.need(FIRST * setting.per_step)
        return replace(plan, train=read)

    def _plan(self, setting: Setting, save_every: int, seed: int) -> Plan:
        """A plan of the setting on texts of which each is one window."""
        plan = super()._plan(replace(setting, size=1, other=False), save_every, seed)
        # so many passes as its steps are: a stream that has ended may not end the run before
        own = {"epochs": setting.steps / setting.steps_per_epoch, "buckets": setting.batch_size > 1}
        # and of one sample there is none that is as long
        train = plan.recipe.train.model_copy(update=own)
        examples = data.examples(_texts(setting), plan.pair.readers, ROOM)
        assert len(examples) == setting.size, "a text is one window"
        return replace(plan, recipe=plan.recipe.model_copy(update={"train": train}), train=examples)


def streamed_resumable() -> Resumable:
    """Return the code that trains, on a stream. Raises AssertionError where its steps take other windows than those of
    a pass.
    """
    check_streams(packed=False)
    return StreamRun()


def _texts(setting: Setting) -> list[str]:
    """As many texts as the setting has samples; where its last sample is another, so is the last text."""
    made = [tiny.TEXT[STRIDE * i : STRIDE * i + LENGTH + i] for i in range(setting.size)]
    return [*made[:-1], made[-1][::-1]] if setting.other else made
