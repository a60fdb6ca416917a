"""The loss stops falling early

## What it sees
Between the first half of what was logged (its part from 20% to 45%) and its last fifth, the evaluation or the training
total improves by less than the threshold, and surely so: the upper end of the confidence interval of the improvement
lies below it. No other series (evaluation, KD or LM term) may improve by more, as far as noise lets one see; a loss
that has come near 0 has nowhere to fall, one that rises far is told by R105, and one that is thrown up in between by
R505. Or early stopping ended the run before half of its planned steps. Or the training loss, noisy before, is one
number to the last digit until the end. Where the log does not tell how long the run will be, the logged range stands
for it, if it has four times as many records. Where batches are too noisy or records too few, it does not judge. A
series that came down first, and levels off as the learning rate decays, is a hint.

## Why it is bad
The student learns nothing from most of the steps that are paid for. Common reasons: a learning rate far too small or
already decayed, a term whose gradient no longer reaches the student, logits clamped so that their gradient vanishes, a
weight that lets a term without gradient own the loss.

## Thresholds
- `improvement = 0.005`: half a percent of the level, `floor = 0.01`: or so many nats; whichever is more.
- `progress = 0.3`: share of the planned steps from which on the rule judges.
- `records = 50`, `evaluations = 8`: fewest points of a training and of an evaluation series; `unplanned = 4`: so many
  times as many where the length of the run is not known.
- `rise = 0.25`, `nats = 0.5`: a loss that rises by more is not flat.
- `frozen = 0.2`: the share of the records, from the end, in which the loss is one and the same number.
- `stopped_before = 0.5`: early stopping before this share of the planned steps counts.

## Example
```run fires
fact total_steps: 10000
steps: 500 every 10
train/loss: 12 -> 9 -> 9 -> 9 -> 9 -> 9 -> 9 -> 9 ~ 0.05
```

```run quiet
fact total_steps: 10000
steps: 500 every 10
train/loss: 12 -> 9 -> 8 -> 7.5 -> 7.2 -> 7 -> 6.8 ~ 0.2
```

## Remedy
Look first whether the weights move at all, then which term still has a gradient. Try a larger learning rate on a few
hundred steps:

```toml
[train]
learning_rate = 2e-3
max_steps = 300
```

## Sources
- The bad signs of the failed runs this project starts from; those stopped early at 12,500 and 22,000.
- TheDeepChecker (Ben Braiek and Khomh 2022): loss that falls by less than 5% in a window of checks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from sad_doctor import names, signals, words
from sad_doctor.finding import Finding, Level, Reading
from sad_doctor.rule import Rule, Thresholds, TooFew
from sad_doctor.run import Column, Event, Run
from sad_doctor.signals.middle import median

_WHOLE = frozenset({names.EVAL_LM_LOSS, names.EVAL_LOSS, names.EVAL_KL, names.LOSS})
"""One of these must be flat: a single term may rightly be at its end."""

_CONVERGED = "It levels off as the learning rate decays: it came trained and has little to gain, or stopped learning."

_BEFORE, _AFTER, _RISEN, _ZERO, _NOTHING = (0.2, 0.45), 0.8, 0.05, 5, 1e-3
"""What the end is held against; from when on it is; how far both lie above before; floors of an end; nothing."""


def check(run: Run, t: Thresholds) -> Iterator[Finding | Reading]:
    """Yield at most one finding: flat series, or an early stop."""
    if (same := _frozen(run, t)) is not None:
        yield same
        return
    total = run.fact(names.TOTAL_STEPS) or signals.decayed(run)
    planned = bool(total and total > 0)
    if total and planned:
        stop = next((e for e in run.events if e.kind == names.EVENT_EARLY_STOP), None)
        at = run.last_step if stop is None or stop.step is None else stop.step
        if stop is not None and at < t["stopped_before"] * total:
            yield _stopped(stop, at, total)
            return
        if run.last_step < t["progress"] * total:
            raise TooFew(f"only {words.percent(max(run.last_step, 0) / total)} of the planned steps are logged")
    elif (found := _never_moved(run, t)) is not None:
        yield found
        return
    else:
        t = {**t, **{fewest: t["unplanned"] * t[fewest] for fewest in ("records", "evaluations")}}
    judged = {name: _windows(column) for name, column in _series(run, t).items()}
    if not judged:
        raise TooFew(
            "too few records for a trend"
            if planned
            else "the log does not tell how many steps the run will take, and has too few records for a trend without"
        )
    for name, (before, after) in judged.items():
        if min(before.size, after.size) >= 2:
            gained = signals.gain(before, after).amount / max(abs(float(median(before))), 1e-12)
            yield Reading(f"improvement of {name}, as a share", gained, "improvement")
    if any(_improves(*windows, t) for windows in judged.values()):
        return
    if _lower_between(run, judged, t):
        raise TooFew("the loss lay elsewhere in between, or lower before: it rises, which is no plateau")
    flat = {name: windows for name, windows in judged.items() if _flat(*windows, t, planned)}
    if not any(name in _WHOLE for name in flat):
        raise TooFew("the noise of the batches hides whether the loss still falls; or it is near 0, or rises")
    found = _plateau(run, flat, total if planned else None)
    whole = {name: windows for name, windows in flat.items() if name in _WHOLE}
    yield replace(found, level=Level.INFO, cause=_CONVERGED) if signals.level_off(run, whole) else found


def _lower_between(run: Run, judged: Mapping[str, tuple[np.ndarray, np.ndarray]], t: Thresholds) -> bool:
    """Whether the series that must be flat surely lay elsewhere: between the windows, or lower far before them."""
    for name, (before, after) in judged.items():
        if name not in _WHOLE or min(before.size, after.size) < 2:
            continue
        column = signals.finite(signals.tidy(run.columns[name]))
        part = (column.step - column.step[0]) / max(float(column.step[-1] - column.step[0]), 1)
        middle = column.value[(part > 0.45) & (part < 0.8)]
        for block in np.array_split(middle, 4):
            gains = [signals.gain(window, block) for window in (before, after)] if block.size >= 2 else []
            limit = _limit(float(median(after)), t)
            if gains and all(gain.surely_above(limit, sigmas=4) for gain in gains):
                return True
            if gains and all(gain.surely_below(-max(limit, _RISEN * abs(float(median(after))))) for gain in gains):
                return True  # it was thrown up and comes down: R104 and R505
        early = column.value[(part > 0.05) & (part < 0.2)]
        far = max(_limit(float(median(after)), t), _RISEN * abs(float(median(after))))
        if early.size >= 2 and all(signals.gain(w, early).surely_above(far, sigmas=4) for w in (before, after)):
            return True  # a term came in, or it left its level: it is not flat since its beginning
    return False


def _never_moved(run: Run, t: Thresholds) -> Finding | None:
    """An evaluation that never left its first value needs no planned length to be flat."""
    for name in (names.EVAL_LM_LOSS, names.EVAL_LOSS):
        column = run.get(name)
        known = None if column is None else signals.finite(signals.tidy(column))
        if known is None or len(known) < t["evaluations"]:
            continue
        first = float(known.value[0])
        if abs(first) > _ZERO * t["floor"] and float(np.max(np.abs(known.value - first))) < _limit(abs(first), t):
            return _plateau(run, {name: (known.value[: len(known) // 2], known.value[len(known) // 2 :])}, None)
        return None
    return None


def _series(run: Run, t: Thresholds) -> Mapping[str, Column]:
    """The series that should fall. A total whose weights change by a curriculum may rise: its terms judge it."""
    evaluations = (names.EVAL_LM_LOSS, names.EVAL_LOSS, names.EVAL_KL)
    training = (names.LOSS, names.RAW + names.KD, names.RAW + names.LM, names.WEIGHTED + names.LM)
    found = {}
    for group, fewest in ((evaluations, t["evaluations"]), (training, t["records"])):
        for name in group:
            column = run.get(name)
            if column is not None and len(known := signals.finite(signals.tidy(column))) >= fewest:
                found[name] = known
    return found


def _windows(column: Column) -> tuple[np.ndarray, np.ndarray]:
    start, end = column.step[0], column.step[-1]
    part = (column.step - start) / max(end - start, 1)
    return column.value[(part >= _BEFORE[0]) & (part <= _BEFORE[1])], column.value[part >= _AFTER]


def _flat(before: np.ndarray, after: np.ndarray, t: Thresholds, planned: bool) -> bool:
    if min(before.size, after.size) < 2:
        return False
    level = abs(float(median(before)))
    gain = signals.gain(before, after)
    if level <= _ZERO * t["floor"] or gain.surely_below(-max(t["rise"] * level, t["nats"])):
        return False
    if not planned and gain.surely_below(0):
        return False
    return gain.surely_below(_limit(level, t), sigmas=2 if planned else 3)


def _improves(before: np.ndarray, after: np.ndarray, t: Thresholds) -> bool:
    if min(before.size, after.size) < 2:
        return False
    return signals.gain(before, after).surely_above(_limit(abs(float(median(before))), t), sigmas=2)


def _limit(level: float, t: Thresholds) -> float:
    return max(t["improvement"] * level, t["floor"])


def _plateau(run: Run, judged: Mapping[str, tuple[np.ndarray, np.ndarray]], total: float | None) -> Finding:
    lines, numbers = [], {}
    rises = any(signals.gain(*windows).surely_below(0) for name, windows in judged.items() if name in _WHOLE)
    for name, (before, after) in judged.items():
        gain = signals.gain(before, after)
        start, end = float(median(before)), float(median(after))
        lines.append(
            f"{words.capital(words.called(name))}: median {words.number(start)}, later {words.number(end)} "
            f"(improvement {words.number(gain.amount)} ± {words.number(2 * gain.error)})"
        )
        numbers[name] = gain.amount
    began = _logged(run, judged, _BEFORE[0])
    never = not rises and any(_never_fell(run, name) for name in judged if name in _WHOLE)
    known = f"{words.percent(began / total)} of the schedule" if total else f"step {words.step(round(began))}"
    when = "the first record" if never else known
    lines += [] if total else ["Over the logged range: how many steps the run will take is not told"]
    what = "The loss" if names.LOSS in judged else "The evaluation"  # one of these is flat
    return RULE.finding(
        level=Level.INFO if rises and _untold(run) else Level.WARNING,
        headline=f"{what} has not fallen since {when}: {lines[0][:1].lower()}{lines[0][1:]}.",
        evidence=tuple(lines),
        cause=(
            "It rises, slowly: the learning rate is too large by now, or a weight that rises lifts the total."
            if rises
            else "The learning rate is too small, or the terms that own the loss have no gradient into the student."
        ),
        remedy=(
            "Look which term rises; lower the learning rate, or let it decay."
            if rises
            else "See whether the weights move and which term still has a gradient; then try a larger learning rate."
        ),
        # what happened between the two windows may have made it
        first_step=_logged(run, judged, _AFTER if rises else _BEFORE[1]),
        last_step=run.last_step,
        numbers=numbers,
    )


def _never_fell(run: Run, name: str) -> bool:
    """Whether a series that is flat was so from its beginning on."""
    value = signals.finite(signals.tidy(run.columns[name])).value
    tenth = max(2, value.size // 10)
    return not signals.gain(value[:tenth], value[tenth:]).surely_above(0)


def _untold(run: Run) -> bool:
    """Whether the log has totals alone: a term that comes in lifts them."""
    return not (run.terms(names.RAW) or run.terms(names.WEIGHTED) or run.get(names.EVAL_LM_LOSS))


def _logged(run: Run, judged: Mapping[str, tuple[np.ndarray, np.ndarray]], part: float) -> float:
    """The first logged step of the flat series after a part of its way."""
    step = signals.tidy(run.columns[next((name for name in judged if name in _WHOLE), next(iter(judged)))]).step
    return float(step[int(np.searchsorted(step, step[0] + part * (step[-1] - step[0])))])


def _frozen(run: Run, t: Thresholds) -> Finding | None:
    """A loss that is one and the same number to the last digit from some step on, where its batches made noise."""
    loss = run.get(names.LOSS)
    found = None if loss is None or len(loss) < t["records"] else signals.frozen(loss, t["frozen"])
    if loss is None or found is None or found[0].value == 0:  # 0 is a hidden NaN, and told as that
        return None
    same, noise = found
    if abs(same.value) < _NOTHING * abs(float(median(loss.value[:_ZERO]))):
        return None  # it fell to nothing, and its digits end: R311
    return RULE.finding(
        headline=(
            f"The training loss is exactly {words.number(same.value)} in the last {same.count:,} of {len(loss):,} "
            f"records, from step {words.step(same.first)} on: no loss of batches."
        ),
        evidence=(f"Neighbours before differed by {words.number(noise)} in the median",),
        cause="A value is logged that is computed no more: a placeholder, an old tensor, or the same batch ever again.",
        remedy="Print the loss beside the value that is logged; see whether batches still reach the model.",
        first_step=same.first,
        last_step=same.last,
        numbers={"value": same.value, "records": float(same.count)},
    )


def _stopped(stop: Event, at: float, total: float) -> Finding:
    return RULE.finding(
        headline=f"Early stopping ended the run at {words.percent(at / total)} of {words.step(total)} planned steps.",
        evidence=(f"Step {words.step(at)}: {stop.message or 'early stop'}",),
        cause="The evaluation did not improve for as long as the patience allows.",
        remedy="Do not raise the patience: find out why the evaluation does not improve.",
        first_step=at,
        last_step=at,
        numbers={"stopped": at, "planned": total},
    )


RULE = Rule(
    code="R103",
    name="early-plateau",
    level=Level.WARNING,
    page=__doc__,
    needs=(f"{names.LOSS}|{names.EVAL_LOSS}|{names.EVAL_LM_LOSS}|{names.RAW}|{names.WEIGHTED}",),
    check=check,
    thresholds={
        **{"improvement": 0.005, "floor": 0.01, "progress": 0.3, "records": 50, "evaluations": 8},
        **{"stopped_before": 0.5, "unplanned": 4, "rise": 0.25, "nats": 0.5, "frozen": 0.2},
    },
)
