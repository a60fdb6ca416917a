"""A series is not finite

## What it sees
NaN or infinity in any logged series but the gradient norm (which has a rule of its own), and events that report one.
Values of 1.797e308 count: some stores keep infinity so. A loss, a term or a perplexity is an error; any other metric
only a hint. So is a NaN that stands for a value that was not measured, while the total loss is finite: in most records
of a series (of a training's, if the others come at even steps) or in its first ones, with finite values after it; or
in a record that has an evaluation in place of the training's values. And so is a perplexity of infinity beside a
finite evaluation loss: there exp overflows.

## Why it is bad
After one non-finite step without a guard every weight is NaN, and the checkpoints from there on are worthless. The
series that went first names the term to look at.

## Thresholds
None: one value is enough.

## Example
```run fires
steps: 6
train/loss: 9, 8.5, nan, nan, nan, nan
train/weighted/lm: 4, 3.9, nan, nan, nan, nan
train/weighted/kd: 5, 4.6, 4.5, 4.4, 4.2, 4.1
```

```run quiet
steps: 6
train/loss: 9 -> 8
train/grad_norm: 1.2, inf, 1.1, 0.9, 1.0, 0.8
```

## Remedy
Go back to the last checkpoint before the first step named. Then, in this order: a batch without one valid label (a mean
over nothing is NaN: divide a sum by a count, and skip at 0); float16 without loss scaling (use bf16); a logarithm
of 0 (`log_softmax` in float32); a learning rate too large.

```toml
[train]
precision = "bf16"
clip = 1.0
```

## Sources
- The failed runs this project starts from: lm NaN at step 436 of run 3, NaN at 748 of run 4.
- MosaicML Composer's NaNMonitor; SageMaker Debugger, "ExplodingTensor".
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from sad_doctor import names, signals, words
from sad_doctor.finding import Finding, Level, Reading
from sad_doctor.rule import Rule, Thresholds, TooFew
from sad_doctor.run import Column, Floats, Run
from sad_doctor.sealed import sealed

Places = NDArray[np.intp]

STORED_INFINITY = 1.797e308
"""MLflow's stores keep infinity as the largest float64."""

_SHOWN = 6


@sealed
class _Bad:
    column: str
    first: float
    last: float
    value: float
    count: int
    records: int
    excused: bool


def check(run: Run, _t: Thresholds) -> Iterator[Finding | Reading]:
    """Yield one finding for the losses and one for other metrics."""
    bad = sorted(_scan(run), key=lambda b: (b.first, b.column))
    yield Reading("series with a value that is not finite", len(bad))
    losses = [b for b in bad if _is_loss(b.column) and not b.excused]
    events = [e for e in run.events if e.kind == names.EVENT_NON_FINITE and "zero" not in e.message.lower()]
    if losses or events:
        told = [f"Event{'' if e.step is None else f' at step {words.step(e.step)}'}: {e.message}" for e in events[:3]]
        steps = [b.first for b in losses] + [e.step for e in events if e.step is not None]
        yield _finding(losses, told, min(steps, default=None), Level.ERROR)
    elif not any(_is_loss(name) for name in run.columns):
        raise TooFew("the log has no series that is known as a loss")
    if others := [b for b in bad if b not in losses]:
        yield _finding(others, [], others[0].first, Level.INFO)


def _scan(run: Run) -> Iterator[_Bad]:
    for name, column in run.columns.items():
        if name == names.GRAD_NORM:
            continue
        hit = np.flatnonzero(~(np.abs(column.value) < STORED_INFINITY))
        if hit.size:
            steps = column.step[hit]
            value = float(column.value[hit[int(np.argmin(steps))]])
            excused = _overflows(run, name, column, hit) or _blanks(run, name, column, hit)
            yield _Bad(name, float(steps.min()), float(steps.max()), value, int(hit.size), len(column), excused)


def _overflows(run: Run, name: str, column: Column, hit: Places) -> bool:
    """Whether it is a perplexity too large for a float, of a loss that is finite."""
    if name != names.EVAL_PERPLEXITY or not bool(np.all(column.value[hit] > 0)):
        return False
    return any(_finite_at(run, loss, column.step[hit]) for loss in (names.EVAL_LM_LOSS, names.EVAL_LOSS))


def _blanks(run: Run, name: str, column: Column, hit: Places) -> bool:
    """Whether NaN is written where nothing was measured: finite values follow, and the training itself is finite."""
    if not np.isnan(column.value[hit]).all() or hit[0] > np.flatnonzero(np.isfinite(column.value)).max(initial=-1):
        return False
    if name.startswith("train/") and _gives_way(run, column, hit):
        return True
    first = np.array_equal(hit, np.arange(hit.size))
    sparse = 2 * hit.size > len(column) and (not name.startswith("train/") or _regular(np.delete(column.step, hit)))
    return (first or sparse) and _finite_at(run, names.LOSS, column.step[hit])


def _regular(steps: Floats) -> bool:
    """Whether steps lie evenly: a value that is logged every so often, not one that fails on some batches."""
    gaps = np.diff(steps)
    return gaps.size > 1 and float(np.ptp(gaps)) <= 0.01 * float(np.mean(gaps))


def _gives_way(run: Run, column: Column, hit: Places) -> bool:
    """Whether the NaN stand exactly where an evaluation has values."""
    steps, others = column.step[hit], np.delete(column.step, hit)
    evaluations = [name for name in run.columns if name.startswith("eval/") and _finite_at(run, name, steps)]
    return hit.size > 1 and any(not np.isin(_finite_steps(run, name), others).any() for name in evaluations)


def _finite_at(run: Run, name: str, steps: Floats) -> bool:
    """Whether a series has a value at each of these steps, and all of them are finite."""
    return bool(np.isin(steps, _finite_steps(run, name)).all())


def _finite_steps(run: Run, name: str) -> Floats:
    found = run.get(name)
    return np.empty(0) if found is None else signals.finite(signals.tidy(found)).step


def _is_loss(column: str) -> bool:
    known = {names.LOSS, names.EVAL_LOSS, names.EVAL_LM_LOSS, names.EVAL_PERPLEXITY, names.EVAL_KL}
    known |= {names.EVAL_BITS_PER_BYTE, names.UPDATE_RATIO, names.LEARNING_RATE}
    return column in known or names.term_of(column) is not None or "loss" in column.lower()


def _finding(bad: list[_Bad], told: list[str], first: float | None, level: Level) -> Finding:
    lines = [
        f"{_titled(b.column)}: {_spelled(b.value)} first at step {words.step(b.first)}, in "
        f"{b.count:,} of {b.records:,} records"
        for b in bad[:_SHOWN]
    ]
    if len(bad) > _SHOWN:
        lines.append(f"and {len(bad) - _SHOWN} more series")
    return RULE.finding(
        level=level,
        headline=_headline(bad, first) if level == Level.ERROR else _hint(bad),
        evidence=(*lines, *told),
        cause=(
            "A mean over no valid label, float16 without loss scaling, a logarithm of 0, or a step that was too large; "
            "the series that went first tells which term."
            if level == Level.ERROR
            else "It is not defined or was not measured there; the training's loss is not affected."
        ),
        remedy=(
            "Go back to the last checkpoint before that step; skip batches without labels, use bf16, clip the gradient."
            if level == Level.ERROR
            else "Leave the value out of the record where there is none."
        ),
        first_step=first,
        last_step=max((b.last for b in bad), default=first),
        numbers={"series": float(len(bad)), "records": float(sum(b.count for b in bad))},
    )


def _titled(column: str) -> str:
    called = words.capital(words.called(column))
    return called if names.term_of(column) is None else f"{called} ({column})"


def _headline(bad: list[_Bad], first: float | None) -> str:
    """The terms that went first, and with them what is made of them."""
    at = "" if first is None else f" at step {words.step(first)}"
    together = [b for b in bad if b.first == first]
    terms, others = (
        list(dict.fromkeys(words.called(b.column) for b in together if (names.term_of(b.column) is None) is whole))[:4]
        for whole in (False, True)
    )
    went = terms or others or ["a value"]
    verb = "become" if len(went) > 1 else "becomes"
    values = {_spelled(b.value) for b in together if words.called(b.column) in went}
    spelled = values.pop() if len(values) == 1 else "not finite"
    along = f", and with {'them' if len(terms) > 1 else 'it'} {words.listing(others)}" if terms and others else ""
    return f"{words.capital(words.listing(went))} {verb} {spelled}{at}{along}."


def _hint(bad: list[_Bad]) -> str:
    one = bad[0]
    more = f", and {len(bad) - 1} more series" if len(bad) > 1 else ""
    name = words.capital(words.called(one.column))
    return f"{name} is {_spelled(one.value)} in {one.count:,} of {one.records:,} records{more}."


def _spelled(value: float) -> str:
    return words.number(value if np.isnan(value) else float(np.copysign(np.inf, value)))


RULE = Rule(
    code="R401",
    name="non-finite",
    level=Level.ERROR,
    page=__doc__,
    needs=(),
    check=check,
)
