"""KD and the label loss do not come down together

## What it sees
KD and the label loss in blocks of records, each as the share of its own largest fall that it has done: one of the two
is ahead of the other by more than the threshold, surely beyond the noise of the batches. No weight and no temperature
changes such a share, as long as it is constant. Or, where both are told before their weights: KD that falls far while
the label loss hardly does, from the first records on or from two fifths of the run on. Or a KD that is never below
its first records, and above them at the end, while the label loss falls from its own first record on. Or, where the
teacher's own held-out loss is told: KD that keeps most of its beginning while the label loss has come to the
teacher's; or KD that begins next to nothing and grows, while the label loss falls far.

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
- `records = 24`: fewest records of both.
- `alone = 0.4`, `little = 0.08`: the share of its first level that KD loses, and that the label loss at most does;
  `times = 6.5`: how many nats of KD for one of the label loss (a temperature of 8, whose square is put back, gives 6);
  `scale = 10`: a KD so many times the label loss is a sum.
- `never = 0.1`, `nats = 0.3`: the share and the nats that the label loss surely loses beside a KD that never comes
  down; half of the share and two thirds of the nats are a hint. `copy = 0.5`: with a smaller first KD it came trained.
- `few = 0.1`: the share of the label loss's fall below which a KD that then grows begins, for a hint.
- `left = 0.2`, `keeps = 0.5`: the share of its first distance to the teacher's that the held-out label loss has left at
  most, and the share of its beginning that KD has left at least, for a hint. `entropy = 1.15`: a KD within this factor
  of the teacher's entropy is a cross-entropy.

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

```run fires
steps: 80
train/raw/kd: 2.1 -> 2.3 -> 2.35 -> 2.4 -> 2.4 ~ 0.03
train/raw/lm: 3.9 -> 3 -> 2.8 -> 2.75 -> 2.7 ~ 0.03
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
from dataclasses import replace

import numpy as np

from sad_doctor import names, signals, words
from sad_doctor.finding import Finding, Level, Reading
from sad_doctor.rule import Hint, Rule, Thresholds, TooFew
from sad_doctor.run import Column, Floats, Run
from sad_doctor.signals.middle import median

_BLOCKS, _FIRST, _SOON, _BELOW = 8, 5, 3, 0.04


def check(run: Run, t: Thresholds) -> Iterator[Finding | Reading]:
    """Yield one finding where one of the two is ahead."""
    kd = signals.unweighted(run, [names.KD]) or signals.after_its_weight(run, [names.KD])
    lm = signals.label_loss(run) or signals.after_its_weight(run, sorted(names.ANCHORS))
    if kd is None or lm is None or min(len(kd[1]), len(lm[1])) < t["records"]:
        raise TooFew(f"fewer than {t['records']:g} records of KD and of the label loss")
    if any(np.sum(column.value == 0) > 2 for _, column in (kd, lm)):
        raise TooFew("KD or the label loss is 0 now and then: its weight may change")
    before = kd[0].startswith((names.RAW, names.UNWEIGHTED)) and signals.parts(run).source in (
        "raw x weight",
        "weighted",
    )
    later = [Column(c.step[_later(c) :], c.value[_later(c) :]) for c in (kd[1], lm[1])]
    if before and (found := _alone(kd[1], lm[1], t) or _alone(later[0], later[1], t)) is not None:
        yield found
        return
    if (never := _never(kd[1], lm[1], t)) is not None:
        yield never if before else replace(never, level=Level.INFO)
        return
    little = (_rises_from_little(kd[1], lm[1], t) if before else None) or _keeps(run, t)
    if little is not None:
        yield little
        return
    count = min(_BLOCKS, len(kd[1]) // 4, len(lm[1]) // 4)
    soft, labels = signals.share_done(kd[1], count), signals.share_done(lm[1], count)
    if soft is None or labels is None or not labels[2] > t["falls"] or not soft[2] > 0:
        return
    ahead = labels[0] - soft[0]
    at = int(np.argmax(np.abs(ahead) - 3 * np.hypot(labels[1], soft[1])))
    sure = float(np.abs(ahead[at]) - 3 * np.hypot(labels[1][at], soft[1][at]))
    yield Reading("share of its fall that KD or the label loss is ahead", float(ahead[at]), "apart")
    if sure > t["apart"]:
        yield _finding((kd[1], lm[1]), at, float(ahead[at]), (float(soft[0][at]), float(labels[0][at])))


def _later(column: Column) -> int:
    """Where two fifths of it are over: the frequencies of tokens, with which both fall, are learned by then."""
    return int(0.4 * len(column))


def _alone(kd: Column, lm: Column, t: Thresholds) -> Finding | None:
    """A KD that falls by much more than the label loss, from first to last, before their weights."""
    ends = ((_level(c.value[:_FIRST]), _level(c.value[-(len(c) // 5) :])) for c in (kd, lm))
    (first, last), (begun, left) = ends
    fell, came = first - last, begun - left
    # summed over tokens it is on another scale, which is told elsewhere
    if not 0 < first < t["scale"] * begun or fell < t["alone"] * first:
        return None
    if came > t["little"] * begun or fell < t["times"] * max(came, 0.0):
        return None
    return RULE.finding(
        headline=(
            f"KD falls from {words.number(first)} to {words.number(last)}, the label loss from {words.number(begun)} "
            f"to {words.number(left)} only: the student comes near the teacher and not near the text."
        ),
        evidence=(f"Medians of the first {_FIRST} records and of the last fifth of {len(kd):,}",),
        cause="The teacher speaks of other tokens or another text than the labels; or it is trained, and comes to meet "
        "the student.",
        remedy="Decode labels and the teacher's likeliest tokens at a few positions; freeze the teacher, and compare "
        "its weights before and after.",
        first_step=float(kd.step[0]),
        last_step=float(kd.step[-1]),
        numbers={"kd": fell, "label": came},
    )


def _never(kd: Column, lm: Column, t: Thresholds) -> Finding | None:
    """A KD that is never below where it began, beside a label loss that falls from its first record on."""
    soft, labels = ((c.value[:_FIRST], c.value[-(len(c) // 5) :]) for c in (kd, lm))
    first, last, begun, left = (_level(values) for values in (*soft, *labels))
    fell, came = signals.gain(*labels), signals.gain(*soft)
    if not t["copy"] < first < t["scale"] * begun or not came.surely_below(0.0):
        return None
    levels = signals.blocks(kd, min(_BLOCKS, len(kd) // 4))
    if levels is None or float(np.min(levels.middle + 2 * levels.error)) < (1 - _BELOW) * first:
        return None
    far = fell.surely_above(max(t["never"] * begun, t["nats"]))
    if not far and not fell.surely_above(max(t["never"] * begun / 2, t["nats"] * 2 / 3)):
        return None
    return RULE.finding(
        level=Level.WARNING if far else Level.INFO,
        headline=(
            f"KD never comes down: {words.number(first)} at the beginning, {words.number(last)} at the end, while the "
            f"label loss falls from {words.number(begun)} to {words.number(left)}: the student learns from the labels "
            "and not from the teacher."
        ),
        evidence=(f"Medians of the first {_FIRST} records and of the last fifth of {len(kd):,}",),
        cause="The teacher's answers belong to other text: rows of another order, positions one place off, another "
        "tokenizer; or KD has no gradient or no weight.",
        remedy="Decode labels and the teacher's likeliest tokens at a few positions; take KD's gradient alone on one "
        "batch.",
        first_step=float(kd.step[0]),
        last_step=float(kd.step[-1]),
        numbers={"kd_first": first, "kd_last": last, "label": begun - left},
    )


def _rises_from_little(kd: Column, lm: Column, t: Thresholds) -> Finding | None:
    """A KD that begins next to nothing and grows, beside a label loss that falls far."""
    (soft, late), labels = signals.ends(kd) or (np.empty(0),) * 2, signals.ends(lm)
    if not soft.size or labels is None:
        return None
    first, last, begun = _level(kd.value[:_SOON]), _level(late), _level(lm.value[:_SOON])
    fell, came = begun - _level(labels[1]), signals.gain(kd.value[:_SOON], late)
    far = signals.gain(lm.value[:_SOON], labels[1]).surely_above(max(2 * t["never"] * begun, t["nats"]))
    # as much as the label loss falls by is what a first KL has, of a student that came untrained
    if not 0 < first < t["few"] * fell or not far or last < 2 * first or not came.surely_below(-first / 2):
        return None
    return RULE.finding(
        level=Level.INFO,
        headline=(
            f"KD begins at {words.number(first)} and grows to {words.number(last)}, while the label loss falls from "
            f"{words.number(begun)} to {words.number(_level(labels[1]))}: far too small for a student so far from it."
        ),
        evidence=(f"Medians of the first {_SOON} records and of the last third of {len(kd):,}",),
        cause="KD is taken at few positions (a mask, a threshold, those at which both models agree) and divided by "
        "all; or the student came as a copy of its teacher, and both are far from the text.",
        remedy="Count the positions that KD is summed over, and divide by that number; compare the weights of both.",
        first_step=float(kd.step[0]),
        last_step=float(kd.step[-1]),
        numbers={"kd_first": first, "kd_last": last, "label": fell},
    )


def _keeps(run: Run, t: Thresholds) -> Finding | None:
    """A held-out KD that keeps most of its beginning, where the label loss has come to the teacher's own."""
    found = signals.way_to_the_teacher(run, _FIRST, t["nats"])
    kept = found.last / found.first if found is not None else 0.0
    if found is None or found.left > t["left"] or not t["keeps"] < kept < 1:
        return None
    if signals.is_the_entropy(run, found.last, t["entropy"]):
        return None  # of a cross-entropy the teacher's entropy is left, which is no fault
    return RULE.finding(
        level=Level.INFO,
        headline=(
            f"Held-out KD keeps {words.percent(kept)} of what it began with ({words.number(found.first)}, later "
            f"{words.number(found.last)}), while the label loss is {words.percent(1 - found.left)} of its way to the "
            f"teacher's own, {words.number(found.teacher)}."
        ),
        evidence=(f"At {words.counted(found.step.size, 'evaluation')}",),
        cause="KD has a floor of its own: targets that do not sum to 1, as two teachers' added up, or other tokens at "
        "some positions; or it is a cross-entropy, of which the teacher's entropy is left, and nothing is wrong.",
        remedy="Compute KD of the teacher with itself: of a KL it must be 0. Sum the targets over the vocabulary.",
        first_step=float(found.step[0]),
        last_step=float(found.step[-1]),
        numbers={"kept": kept, "left": found.left},
    )


def _level(values: Floats) -> float:
    return float(median(values))


def _finding(series: tuple[Column, Column], at: int, ahead: float, done: tuple[float, float]) -> Finding:
    ends = [
        tuple(words.number(float(median(part))) for part in (c.value[:3], c.value[-max(3, len(c) // _BLOCKS) :]))
        for c in series
    ]
    (kd_first, kd_last), (lm_first, lm_last) = ends
    when = words.step(
        float(np.array_split(series[0].step, min(_BLOCKS, len(series[0]) // 4))[min(at, len(series[0]) // 4 - 1)][-1])
    )
    return RULE.finding(
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
    code="R221",
    name="kd-out-of-step",
    level=Level.INFO,
    hint=Hint.PICTURE,
    page=__doc__,
    needs=(f"{names.RAW}|{names.WEIGHTED}|{names.UNWEIGHTED}",),
    check=check,
    thresholds={
        **{"apart": 0.18, "falls": 0.04, "records": 24},
        **{"alone": 0.4, "little": 0.08, "times": 6.5, "scale": 10, "never": 0.1, "nats": 0.3, "copy": 0.5},
        **{"left": 0.2, "keeps": 0.5, "few": 0.1, "entropy": 1.15},
    },
)
