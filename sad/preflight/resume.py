"""A stopped run is the run that was never stopped; the student that was saved is the one that was trained."""

from __future__ import annotations

import json
import math
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from sad.align.token_bytes import tokenizer_fingerprint
from sad.data import Example, collate
from sad.head.linear import head_of
from sad.models.forward import run
from sad.pair import load_student, load_tokenizer
from sad.preflight.bench import Bench
from sad.preflight.finding import Finding, Level, judged
from sad.recipe.schema import Student
from sad.train import loop
from sad.train.plan import Plan
from sad.train.saving import checkpoint
from sad.train.saving.folder import STUDENT
from sad.train.watch.interrupt import Unheard

STEPS, STOP = 4, 2
LARGEST = 4e9
"""Bytes of checkpoints beyond which the check would take longer than it tells."""
NOISE = 0.01
"""Largest distance between the weights of both runs, as a share of how far the steps since the stop moved them, on a
device whose sums are not the same twice: CUDA adds some gradients in the order in which its threads arrive. Moments
that are lost, or other windows, give half of it and more."""
SAME = 1e-5
"""Largest change of a logit, as a share of the largest, between the student in memory and the one on disk."""
FILES = (checkpoint.MODEL, checkpoint.OPTIMIZER, checkpoint.STATE)


class Seen(list[Example]):
    """Windows that remember which of them were taken, in which order."""

    def __init__(self, some: Iterable[Example]) -> None:
        super().__init__(some)
        self.taken: list[int] = []

    def __getitem__(self, at: Any) -> Any:  # noqa: ANN401 - an index or a slice, as a list has it
        if not isinstance(at, slice):
            self.taken.append(int(at))
        return super().__getitem__(at)


class Quiet:
    """A watcher that ignores everything."""

    def step(self, *_: object) -> None:
        """Ignore a step."""

    def evaluation(self, *_: object) -> None:
        """Ignore an evaluation."""

    def say(self, line: str) -> None:
        """Ignore a line."""


def resume(bench: Bench) -> Iterator[Finding]:
    """Train four steps; take up again from the second; compare every bit. Then load the student that was written."""
    size = 12.0 * sum(p.numel() for p in bench.plan.pair.student.parameters())
    wanted = 4 * size
    with tempfile.TemporaryDirectory(prefix="sad-preflight-") as made:
        free = shutil.disk_usage(made).free
        if wanted > min(LARGEST, 0.9 * free):
            says = f"not run: four checkpoints of {size / 1e9:.1f} GB each would have to be written to {made}"
            yield Finding("resume", Level.SKIPPED, says)
            yield Finding("save and reload", Level.SKIPPED, says)
            return
        plan = _short(bench)
        straight, broken = Path(made) / "straight", Path(made) / "resumed"
        try:
            loop.train(plan, straight, Quiet(), signals=Unheard())
            yield _read(plan)
            _interrupted(straight, broken)
            yield _reloaded(bench, straight / STUDENT)
            bench.reset()
            loop.train(plan, broken, Quiet(), resume=True, signals=Unheard())
            yield _compared(straight, broken, plan.device)
        finally:
            bench.reset()


def _interrupted(straight: Path, broken: Path) -> None:
    """Make the folder of a run that was stopped: all but the last checkpoint, which stays, and the student."""
    shutil.copytree(straight, broken, ignore=lambda _, names: {STUDENT, checkpoint.FOLDER} & set(names))
    last = checkpoint.newest(straight).name
    (broken / checkpoint.FOLDER).mkdir()
    for one in (straight / checkpoint.FOLDER).iterdir():
        if one.name != last:
            # moved, not copied, since it may take gigabytes
            shutil.move(one, broken / checkpoint.FOLDER / one.name)


def _short(bench: Bench) -> Plan:
    """The user's plan on the small cut, four steps long, saved at the second."""
    recipe, few = bench.plan.recipe, bench.few
    how = {"batch_size": 1, "accumulation": min(2, recipe.train.accumulation), "save_every": STOP, "eval_every": STEPS}
    # windows are read when their step is taken, not ahead of it: which were read tells which were trained on
    how["prefetch"] = 0
    train = recipe.train.model_copy(update={**how, "keep_checkpoints": 2})
    return replace(
        bench.plan, recipe=recipe.model_copy(update={"train": train}), train=Seen(few), held_out=few[-1:], steps=STEPS
    )


def _read(plan: Plan) -> Finding:
    """Compare the windows that the loop took, in their order, with those that the schedule names."""
    assert isinstance(plan.train, Seen)
    wanted = [int(i) for step in range(STEPS) for some in plan.schedule().micro_batches(step) for i in some]
    # each whole pass reads every window once
    size = len(plan.train)
    passes = [sorted(plan.train.taken[i : i + size]) for i in range(0, len(wanted) - size + 1, size)]
    per = plan.recipe.train.accumulation
    right = plan.train.taken == wanted and all(one == list(range(size)) for one in passes)
    return judged(
        "data order",
        not right,
        f"{STEPS} steps of {per} micro-batches read {len(wanted)} windows, each of a pass once",
        f"{STEPS} steps read the windows {plan.train.taken}, the schedule names {wanted}",
        advice="the code that trains is at fault: run sad verify V4",
        numbers={"read": len(plan.train.taken), "wanted": len(wanted)},
    )


def _compared(straight: Path, resumed: Path, device: str = "cpu") -> Finding:
    """Compare the files of the last checkpoints to the last bit; on CUDA the weights, to within the noise of sums."""
    one, other = checkpoint.newest(straight), checkpoint.newest(resumed)
    differ = [name for name in FILES if (one / name).read_bytes() != (other / name).read_bytes()]
    advice = "the code that trains is at fault: run sad verify V5"
    numbers = {"differ": float(len(differ))}
    told = f"stopped after {STOP} of {STEPS} steps and resumed"
    if not differ or one.name != other.name or device != "cuda":
        apart = _apart(one, other) if checkpoint.MODEL in differ else 0.0
        return judged(
            "resume",
            bool(differ) or one.name != other.name,
            f"{told}: weights, optimizer and state equal to the last bit",
            f"{told}, {', '.join(differ)} differ (weights by {apart:.2g})",
            advice=advice,
            numbers=numbers | {"apart": apart},
        )
    start = min((resumed / checkpoint.FOLDER).iterdir(), key=lambda folder: folder.name)
    # the moments relative to their own norm, since each step makes them nearly anew
    moments = _apart(one, other, checkpoint.OPTIMIZER) / max(_apart(one, None, checkpoint.OPTIMIZER), 1e-30)
    share = max(_apart(one, other) / max(_apart(start, one), 1e-30), moments)
    return judged(
        "resume",
        not (_alike(one / checkpoint.STATE, other / checkpoint.STATE) and share <= NOISE),
        f"{told}: the same weights within the noise of this device ({share:.1g} of what the steps since moved)",
        f"{told}, {', '.join(differ)} differ (by {share:.2g} of what the steps since moved)",
        advice=advice,
        numbers=numbers | {"apart": share},
    )


def _alike(one: Path, other: Path) -> bool:
    """Return whether two states are equal but for the noise of their numbers."""
    return _near(json.loads(one.read_text(encoding="utf-8")), json.loads(other.read_text(encoding="utf-8")))


def _near(one: Any, other: Any) -> bool:  # noqa: ANN401 - whatever JSON has
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_near(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_near, one, other))
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=NOISE)
    return bool(one == other)


def _apart(one: Path, other: Path | None, file: str = checkpoint.MODEL) -> float:
    """Return the norm of the difference of two checkpoints' tensors, or of those of one alone."""
    a, b = load_file(one / file), {} if other is None else load_file(other / file)
    gaps = (a[name].double() - (b[name].double() if b else 0.0) for name in a)
    return math.sqrt(sum(float(gap.square().sum()) for gap in gaps))


@torch.no_grad()
def _reloaded(bench: Bench, folder: Path) -> Finding:
    """Compare logits of the student in memory with those of the student that was written, read as anybody would."""
    plan = bench.plan
    trained = plan.pair.student
    recipe = plan.recipe.model_copy(update={"student": Student(model=str(folder))})
    loaded = load_student(recipe, plan.pair.readers.student).to(next(trained.parameters()).device).eval()
    tokens = collate(bench.few, plan.pair.readers).student.to(next(trained.parameters()).device)
    mine, theirs = (head_of(m).logits(run(m, tokens).hidden) for m in (trained.eval(), loaded))
    apart = float((mine - theirs).abs().max() / mine.abs().max().clamp_min(1e-30))
    reads = tokenizer_fingerprint(load_tokenizer(str(folder))) == plan.pair.readers.student.fingerprint
    fault = f"the student that was written gives other logits (off by {apart:.2%} of the largest)"
    return judged(
        "save and reload",
        not apart <= SAME or not reads,
        f"the student that was written gives the same logits (off by {apart:.1g}) and has the same tokenizer",
        fault if not apart <= SAME else "the student that was written has another tokenizer beside it",
        advice="look at the finding on tied heads: what is written is not what was trained",
        numbers={"apart": apart},
    )
