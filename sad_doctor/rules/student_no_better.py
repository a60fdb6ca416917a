"""The student is no better than at its start

## What it sees
The last evaluations' label loss is not below the first one, which was made in the first tenth of the run. Clearly above
it, and above it in all of the last ones, it is an error. Where the evaluation's KL falls meanwhile, or the run is not
far enough, it is a hint or nothing.

## Why it is bad
The training made a model that is no better at the text than the one that it began with. A pretrained student that is
worse afterwards lost what it had, mostly in the first steps: a learning rate for a fresh model, no warm-up, targets of
other text.

## Thresholds
- `better = 0.01`: the share of the first loss by which the last must be lower.
- `worse = 0.05`, `nats = 0.1`: how far above the first the last ones must lie for an error, as a share and at least.
- `early = 0.1`: the first evaluation must be made within this share of the planned (or logged) steps.
- `progress = 0.3`: the share of the planned steps that must be done. `evaluations = 4`: fewest.

## Example
```run fires
fact total_steps: 1000
steps: 0, 200, 400, 600, 800, 1000
eval/lm_loss: 3.4, 5.1, 4.6, 4.4, 4.3, 4.25
```

```run quiet
fact total_steps: 1000
steps: 0, 200, 400, 600, 800, 1000
eval/lm_loss: 3.4, 3.5, 3.3, 3.2, 3.12, 3.05
```

## Remedy
Evaluate before the first step and soon after it. Lower the peak learning rate, warm up for longer, check the alignment
with `sad verify`; start from the pretrained student, not from one whose head was made anew.

```toml
[train]
learning_rate = 1e-4
warmup = 0.1
```

## Sources
- Cho and Hariharan 2019, "On the Efficacy of Knowledge Distillation": a student can end below its own baseline.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from sad_doctor import names, signals, words
from sad_doctor.finding import Finding, Level, Reading
from sad_doctor.rule import Rule, Thresholds, TooFew
from sad_doctor.run import Column, Run
from sad_doctor.signals.middle import median


def check(run: Run, t: Thresholds) -> Iterator[Finding | Reading]:
    """Yield one finding when the end is no better than the beginning."""
    told = signals.evaluations(run)
    found = next((n for n in (names.EVAL_LM_LOSS, names.EVAL_BITS_PER_BYTE) if n in told), None)
    if found is None or len(told[found]) < t["evaluations"]:
        count = 0 if found is None else len(told[found])
        raise TooFew(f"{words.counted(count, 'evaluation')} of the label loss; it judges from {t['evaluations']:g} on")
    evaluation = told[found]
    if bool(np.any(np.diff(run.columns[found].step) < 0)):
        raise TooFew("the steps go back: which evaluation was the first and which the last is not known")
    total = run.fact(names.TOTAL_STEPS)
    length = total if total and total > 0 else max(run.last_step, 1.0)
    if float(evaluation.step[0]) > t["early"] * length:
        raise TooFew(f"the first evaluation came at step {words.step(evaluation.step[0])}: the start is not known")
    if run.last_step < t["progress"] * length:
        raise TooFew(f"only {words.percent(run.last_step / length)} of the planned steps are logged")
    first = float(evaluation.value[0])
    last = evaluation.value[-max(2, len(evaluation) // 4) :]
    end = float(median(last))
    yield Reading(
        f"{found} at the end below the first, as a share", 1 - end / first if first else float("nan"), "better"
    )
    if end < first - t["better"] * abs(first):
        return
    worse = bool(np.all(last > first + max(t["worse"] * abs(first), t["nats"])))
    yield _finding(run, found, evaluation, first, end, worse=worse)


def _kl_falls(run: Run) -> bool:
    told = [column for name in (names.EVAL_KL, names.EVAL_RAW + names.KD) if (column := run.get(name)) is not None]
    known = signals.finite(told[0]).value if told else np.empty(0)
    return known.size >= 2 and float(known[-1]) < 0.95 * float(known[0])


def _finding(run: Run, name: str, evaluation: Column, first: float, end: float, *, worse: bool) -> Finding:
    low = int(np.argmin(evaluation.value))
    nearer = _kl_falls(run)
    level = Level.ERROR if worse else Level.WARNING
    return RULE.finding(
        level=Level.INFO if nearer and not worse else level,
        headline=(
            f"The student is {'worse' if worse else 'no better'} than at its start: {words.called(name)} was "
            f"{words.number(first)} at step {words.step(evaluation.step[0])} and is {words.number(end)} at the end."
        ),
        evidence=(
            f"Lowest {words.number(float(evaluation.value[low]))} at step {words.step(evaluation.step[low])}, "
            f"{words.counted(len(evaluation), 'evaluation')}",
            *(["It comes nearer to its teacher: the evaluation's KL falls"] if nearer else []),
        ),
        cause=(
            "What it knew was lost in the first steps (learning rate, no warm-up), or its targets are of other text."
            if worse
            else "It does not learn: too small a learning rate, or terms that do not bear on the text."
        ),
        remedy=(
            "Lower the peak learning rate and warm up longer; check the alignment; evaluate before the first step."
            if worse
            else "See whether the weights move; raise the learning rate; check that each term has a gradient."
        ),
        first_step=float(evaluation.step[-1]),
        last_step=float(evaluation.step[-1]),
        numbers={"first": first, "last": end},
    )


RULE = Rule(
    code="R309",
    name="student-no-better",
    level=Level.ERROR,
    page=__doc__,
    needs=(f"{names.EVAL_LM_LOSS}|{names.EVAL_BITS_PER_BYTE}",),
    check=check,
    thresholds={"better": 0.01, "worse": 0.05, "nats": 0.1, "early": 0.1, "progress": 0.3, "evaluations": 4},
)
