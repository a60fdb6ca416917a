"""KD and the label loss do not come down together

## What it sees
KD and the label loss in blocks of records, each as the share of its own largest fall that it has done: one of the two
is ahead of the other by more than the threshold, surely beyond the noise of the batches. No weight and no temperature
changes such a share, as long as it is constant.

## Why it is bad
A teacher that knows the text gives its tokens the odds that the text has. Then the label loss is the teacher's own loss
plus the KL, so the two fall in step, whatever makes the student learn. If the label loss falls first and KD stays, or
follows later, the labels are easier than the text that the teacher speaks of, or another one: mostly one token, clamped
ids, ids of another vocabulary, padding that counts. If KD falls first, and stands or rises while the label loss comes
down, its targets are not the next tokens: a mean over positions, turned signs, a teacher that fades, an answer that is
kept; or the labels are.

## Thresholds
- `apart = 0.18`: the share of its fall that one is surely ahead; of 49 kinds of sound run none has more than 0.14.
- `falls = 0.04`: the share of its first level that the label loss must surely lose, at its lowest.
- `records = 40`: fewest records of both.

## Example
```run fires
steps: 80
train/raw/kd: 2 -> 2 -> 1.9 -> 1.4 -> 0.9 ~ 0.02
train/raw/lm: 5 -> 2 -> 1.8 -> 1.7 -> 1.6 ~ 0.03
```

```run fires
steps: 80
train/raw/kd: 0.3 -> 0.1 -> 0.11 -> 0.13 -> 0.15 ~ 0.002
train/raw/lm: 5 -> 4.9 -> 4.6 -> 4.3 -> 4 ~ 0.03
```

```run quiet
steps: 80
train/raw/kd: 2 -> 1.8 -> 1.4 -> 1 -> 0.8 ~ 0.02
train/raw/lm: 5 -> 4.8 -> 4.4 -> 4 -> 3.8 ~ 0.03
```

## Remedy
At a few positions print the label, and the teacher's likeliest tokens: they must mostly agree. Then compare the
teacher's own loss on these labels with its loss on held-out text.

## Sources
- Hinton, Vinyals and Dean 2015, "Distilling the Knowledge in a Neural Network": both terms ask for one distribution.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from sad_doctor import names, signals, words
from sad_doctor.finding import Finding, Level, Reading
from sad_doctor.rule import Rule, Thresholds, TooFew
from sad_doctor.run import Column, Floats, Run

CODE, NAME = "R221", "kd-out-of-step"

_BLOCKS = 8


def check(run: Run, t: Thresholds) -> Iterator[Finding | Reading]:
    """Yield one finding where one of the two is ahead."""
    kd = signals.unweighted(run, [names.KD]) or signals.after_its_weight(run, [names.KD])
    lm = signals.label_loss(run) or signals.after_its_weight(run, sorted(names.ANCHORS))
    if kd is None or lm is None or min(len(kd[1]), len(lm[1])) < t["records"]:
        raise TooFew(f"fewer than {t['records']:g} records of KD and of the label loss")
    if any(np.sum(column.value == 0) > 2 for _, column in (kd, lm)):
        raise TooFew("KD or the label loss is 0 now and then: its weight may change")
    soft, labels = _done(kd[1]), _done(lm[1])
    if soft is None or labels is None or not labels[2] > t["falls"] or not soft[2] > 0:
        return
    ahead = labels[0] - soft[0]
    at = int(np.argmax(np.abs(ahead) - 3 * np.hypot(labels[1], soft[1])))
    sure = float(np.abs(ahead[at]) - 3 * np.hypot(labels[1][at], soft[1][at]))
    yield Reading("share of its fall that KD or the label loss is ahead", float(ahead[at]), "apart")
    if sure > t["apart"]:
        yield _finding((kd[1], lm[1]), at, float(ahead[at]), (float(soft[0][at]), float(labels[0][at])))


def _done(column: Column) -> tuple[Floats, Floats, float] | None:
    """The share of its largest fall that a series has done in each block, its error, and that fall surely as a share.

    None where no fall stands out of the noise.
    """
    found = signals.blocks(column, _BLOCKS)
    few = column.value[: max(3, len(column) // 40)]
    first = float(np.median(few))
    if found is None or not first > 0:
        return None
    at = int(np.argmin(found.middle))
    fall = first - float(found.middle[at])
    error = float(np.hypot(found.error[at], found.error[0]))
    if fall <= 4 * error:
        return None
    return (first - found.middle) / fall, np.hypot(found.error, found.error[0]) / fall, (fall - 3 * error) / first


def _finding(series: tuple[Column, Column], at: int, ahead: float, done: tuple[float, float]) -> Finding:
    ends = [
        tuple(words.number(float(np.median(part))) for part in (c.value[:3], c.value[-max(3, len(c) // _BLOCKS) :]))
        for c in series
    ]
    (kd_first, kd_last), (lm_first, lm_last) = ends
    when = words.step(float(np.array_split(series[0].step, _BLOCKS)[at][-1]))
    return Finding(
        rule=CODE,
        name=NAME,
        level=Level.INFO,
        headline=(
            f"KD ({kd_first}, later {kd_last}) and the label loss ({lm_first}, later {lm_last}) do not come down "
            f"together: by step {when} {'the label loss' if ahead > 0 else 'KD'} is far ahead."
        ),
        evidence=(
            f"KD had done {words.percent(done[0])} of its largest fall by then, the label loss "
            f"{words.percent(done[1])} of its own",
        ),
        cause=(
            "The labels are easier than the text, or other tokens than the teacher speaks of: clamped, padded, of "
            "another vocabulary; or KD's weight or gradient is not there from the beginning."
            if ahead > 0
            else "The teacher's targets are not the next tokens, or come to meet the student: averaged, turned, kept, "
            "fading; or the labels are wrong; or a weight changes that is not logged."
        ),
        remedy="Decode labels and the teacher's likeliest tokens at a few positions: they must mostly agree.",
        first_step=float(series[0].step[0]),
        last_step=float(series[0].step[-1]),
        numbers={"ahead": ahead},
    )


RULE = Rule(
    code=CODE,
    name=NAME,
    level=Level.INFO,
    page=__doc__,
    needs=(f"{names.RAW}|{names.WEIGHTED}|{names.UNWEIGHTED}",),
    check=check,
    thresholds={"apart": 0.18, "falls": 0.04, "records": 40},
)
