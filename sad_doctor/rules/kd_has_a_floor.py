"""KD has a floor that a KL has not

## What it sees
The line through beginning and end of KD and the label loss, surely beyond the noise of the batches: both fall, and KD
by so little of itself that it would be far above 0 beside a label loss of 0, which no text has. Or the label loss has
settled, and would be another 1.5 nats lower at a KD of 0, as of a teacher whose perplexity is more than four times
lower. What constant KD is multiplied by changes nothing of that.

## Why it is bad
A student that comes to its teacher brings KD to 0 and its label loss to the teacher's own, some nats above 0. So the
line ends at the teacher's label loss. Where it ends far below 0, KD does not go to 0: its targets sum to more than 1,
are drawn anew in each step, or are of other tokens. What is left of it tells nothing, and much of its gradient is noise
or of no use.

## Thresholds
- `under = 0.12`, `least = 0.5`: the share of its beginning, and the nats, that the label loss would surely lie below
  0 were KD 0; of 47 kinds of sound run, none lies further below than 0.08 nats. `apart = 1.5`: the nats by which it
  would surely be lower than it is, once settled; of these runs two have more.
- `records = 24`: fewest records of both. `entropy = 1.15`: a KD within this factor of the teacher's entropy is a
  cross-entropy.

## Example
```run fires
steps: 80
train/raw/kd: 9 -> 7 -> 6.3 -> 6.1 -> 6 ~ 0.05
train/raw/lm: 4.3 -> 3.1 -> 2.7 -> 2.5 -> 2.5 ~ 0.03
```

```run quiet
steps: 80
train/raw/kd: 5 -> 2.2 -> 1.3 -> 0.9 -> 0.8 ~ 0.05
train/raw/lm: 4.3 -> 3.1 -> 2.7 -> 2.5 -> 2.5 ~ 0.03
```

## Remedy
Compute KD of the teacher with itself: of a KL it must be 0. Sum the targets over the vocabulary, and ask the teacher
twice about one batch. Log the teacher's entropy and its own label loss.

## Sources
- Hinton, Vinyals and Dean 2015, "Distilling the Knowledge in a Neural Network": both terms ask for one distribution.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from sad_doctor import names, signals, words
from sad_doctor.finding import Finding, Level, Reading
from sad_doctor.rule import Hint, Rule, Thresholds, TooFew
from sad_doctor.run import Run

_FIRST = 5
"""So many records stand for the beginning."""


def check(run: Run, t: Thresholds) -> Iterator[Finding | Reading]:
    """Yield one finding where KD would stay far above 0 with every label known."""
    soft = signals.unweighted(run, [names.KD]) or signals.after_its_weight(run, [names.KD])
    labels = signals.label_loss(run) or signals.after_its_weight(run, sorted(names.ANCHORS))
    if soft is None or labels is None or min(len(soft[1]), len(labels[1])) < t["records"]:
        raise TooFew(f"fewer than {t['records']:g} records of KD and of the label loss")
    kd, lm = soft[1], labels[1]
    if any(np.sum(column.value == 0) > 2 for column in (kd, lm)):
        raise TooFew("KD or the label loss is 0 now and then: its weight may change")
    found = signals.label_at_no_kd(kd, lm, _FIRST)
    if found is None:
        return
    yield Reading("label loss where KD is 0, by the line through both ends", found.label, "least")
    impossible = found.at_most < -max(t["under"] * found.lm[0], t["least"])
    if not impossible and not (found.settled and found.lm[1] - found.at_most > t["apart"]):
        return
    if signals.is_the_entropy(run, found.kd[1], t["entropy"]):
        return  # a cross-entropy ends at the teacher's entropy, which is no fault
    yield RULE.finding(
        headline=(
            f"KD falls from {words.number(found.kd[0])} to {words.number(found.kd[1])} only, while the label loss "
            f"falls from {words.number(found.lm[0])} to {words.number(found.lm[1])}: at that pace it would be at "
            f"{words.number(found.label)} where KD is 0, which "
            f"{'no text has' if impossible else 'is far from where it settles'}. KD has a floor that a KL has not."
        ),
        evidence=(f"Medians of the first {_FIRST} records and of the last fifth of {len(kd):,}",),
        cause="The targets do not sum to 1, as two teachers' added up; or they change from step to step, by noise or "
        "dropout; or they are of other tokens; or its weight grows; or it is a cross-entropy, of which the teacher's "
        "entropy is left, a hot teacher, a small student, or texts that are learned by heart.",
        remedy="Compute KD of the teacher with itself: of a KL it must be 0. Sum the targets over the vocabulary, and "
        "ask the teacher twice about one batch. Log its entropy and its own label loss.",
        first_step=float(kd.step[0]),
        last_step=float(kd.step[-1]),
        numbers={"label_at_no_kd": found.label, "kd": found.kd[1], "label": found.lm[1]},
    )


RULE = Rule(
    code="R225",
    name="kd-has-a-floor",
    level=Level.INFO,
    hint=Hint.PICTURE,
    page=__doc__,
    needs=(f"{names.RAW}|{names.WEIGHTED}|{names.UNWEIGHTED}",),
    check=check,
    thresholds={"under": 0.12, "least": 0.5, "apart": 1.5, "records": 24, "entropy": 1.15},
)
