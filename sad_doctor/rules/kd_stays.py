"""KD stays where it is while the label loss falls

## What it sees
The label loss surely falls, and the KL from the teacher, before its weight, does not follow: it falls by less than a
tenth of the nats that the label loss loses, and its ends lie within a narrow band; or it rises. The evaluation's values
are taken where the log has both, else the training's. A KD that begins near 0 and rises is a hint: a student that
starts as a copy of its teacher and learns new text does that, and it is told where KD's first record is next to nothing
of all later ones. A KD that stays near the logarithm of a vocabulary needs to lose less than a fiftieth only. Where the
log has no label loss the total stands for it: then KD must lose less than a fiftieth too, and the finding is a hint
unless KD is that high.

## Why it is bad
On text that the teacher knows, a nat less of label loss is about a nat less of KL. Where it is not, the student learns
from the labels alone; the teacher is paid for and teaches nothing. Common reasons: the KD term is detached, or its
weight is next to 0; the teacher is in train mode, so that its targets are noise; the positions or vocabularies are
misaligned, so that the targets belong to other text; a temperature so high that every target is flat.

## Thresholds
- `follows = 0.1`: nats of KL for a nat of label loss below which KD does not follow. `share = 0.25`: where
  the weights are not known, of the label loss's fall as a share of its level: KD has no floor.
- `band = 0.1`: the two ends of KD must lie within this share of its level; where its weight is not known, all of it
  after the first quarter within twice that, and the finding is a hint: a weight may have moved.
- `rise = 0.1`: from this share on it rises.
- `falls = 0.04`, `nats = 0.2`: how far the label loss must surely fall, as a share and at least, after the first
  quarter, in which every student learns the frequencies of tokens; behind an unknown weight the share alone counts.
- `total = 0.05`: the share of its level by which a total must surely fall beside a KD that is not high.
- `high = 8`, `most = 16`: between so many nats KD is near ln(vocabulary), as between unrelated distributions; a
  smaller one loses its nats with the labels, a larger one is a sum. `stays = 0.02`: the share it must lose there.
- `begins = 0.03`, `above = 0.02`: the first record of a copy's KD, as a share of the later ones' median, and what that
  is above, in nats.
- `floor = 0.2`: a KD below so many nats is at its end. `copy = 0.5`: below so many at the beginning it is a copy's.
- `records = 24`, `evaluations = 6`: fewest points.

## Example
```run fires
steps: 300
train/raw/kd: 4 ~ 0.05
train/raw/lm: 8 -> 4 ~ 0.1
```

```run quiet
steps: 300
train/raw/kd: 4 -> 2 ~ 0.05
train/raw/lm: 8 -> 4 ~ 0.1
```

## Remedy
Ask the KD term alone for its gradient on one batch. If there is none, find the `detach`; if there is, compare the
teacher's text at a few positions with the student's, put the teacher into `eval()`, and lower the temperature.

```toml
[terms.kd]
weight = 1.0
temperature = 1.0
```

## Sources
- The failed runs this project starts from: KD flat at 30 to 40 for 12,500 steps.
- Hinton et al. 2015, arXiv 1503.02531, section 2: the gradient shrinks with the temperature squared.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from sad_doctor import names, signals, words
from sad_doctor.finding import Finding, Level, Reading
from sad_doctor.rule import Rule, Thresholds, TooFew
from sad_doctor.run import Column, Floats, Run
from sad_doctor.signals.middle import median

_EARLY = 0.02
"""The share of the run up to which a record is of its beginning."""


def check(run: Run, t: Thresholds) -> Iterator[Finding | Reading]:
    """Yield one finding when KD does not follow the label loss."""
    if (copied := _copied(run, t)) is not None:
        yield copied
        return
    found = _evaluations(run, t) or _training(run, t) or _beside_the_total(run, t)
    if found is None:
        raise TooFew("too few evaluations, or records, of KD and of the label loss before their weights")
    kd, lm = found
    weighed = kd[0] == names.WEIGHTED + names.KD or signals.parts(run).source in ("raw", "weighted and raw")
    tight = run.get(names.WEIGHT + names.KD) is None and weighed
    soft, labels = _windows(kd[1]), _windows(lm[1])
    fell, came = signals.gain(*labels), signals.gain(*soft)
    level = abs(float(median(soft[0])))
    yield Reading("fall of the label loss, nats", fell.amount, "nats")
    yield Reading(
        "fall of KD for a nat of the label loss", came.amount / fell.amount if fell.amount else 0.0, "follows"
    )
    # after an unknown weight a fall in nats says nothing, its share does
    least = max(t["falls"] * abs(float(median(labels[0]))), 0.0 if tight else t["nats"])
    high, total = t["high"] < level < t["most"], lm[0] == names.LOSS
    if total:  # KD's own level is in it, and a weight makes less of the label loss
        least = max(0.5 * t["nats"], 0.0 if high else t["total"] * abs(float(median(labels[0]))))
    far = fell.surely_above(least, sigmas=2.5)
    if not far or float(median(soft[1])) < t["floor"]:
        return
    # of a total alone, a KD that rises may be what makes it fall the less
    rises = not (tight or (total and not high)) and came.surely_below(-max(t["rise"] * level, t["floor"]), sigmas=3)
    follows = max(t["follows"] * fell.amount, t["stays"] * level if high else 0.0)
    if tight:  # nats after two weights cannot be compared; and KD has no floor, so that it falls by the larger share
        share = fell.amount / max(abs(float(median(labels[0]))), 1e-12)
        follows = max(follows, t["share"] * share * level)
    if total:
        follows = t["stays"] * level
    flat = came.surely_below(follows, sigmas=2) and _even(kd[1], soft, t, tight=tight)
    if (rises or flat) and not _evaluated_kl_falls(run):
        begin = float(kd[1].value[0])
        labels_of = "the training loss" if total else "the label loss"
        yield _finding(run, kd, (soft, labels), (begin, labels_of), t, rises=rises, tight=(tight or total) and not high)


def _copied(run: Run, t: Thresholds) -> Finding | None:
    """The hint of a KD whose first record is next to nothing of what it is from then on."""
    kd = signals.unweighted(run, [names.KD])
    if kd is None and names.KD in run.terms(names.RAW):
        kd = names.RAW + names.KD, signals.finite(signals.tidy(run.columns[names.RAW + names.KD]))
    if kd is None or len(kd[1]) < t["records"]:
        return None
    value, early = kd[1].value, kd[1].step[0] - run.first_step <= _EARLY * (run.last_step - run.first_step)
    later = value[len(value) // 4 :]
    level = float(median(later))
    if not early or level < t["above"] or not 0 <= value[0] < t["begins"] * level:
        return None
    if float(np.min(later)) < t["copy"] * level:  # one that comes and goes is a switch of its own
        return None
    return RULE.finding(
        level=Level.INFO,
        headline=(
            f"KD begins at {words.number(float(value[0]))} and is {words.number(level)} from then on: at its first "
            "step the student already says what its teacher says."
        ),
        evidence=(f"{words.capital(words.called(kd[0]))}: {words.counted(len(value), 'record')}",),
        cause="Teacher and student are loaded from one place; or the value is weighted, and its weight rises.",
        remedy="Print the number of weights of both, and the path of each; log KD before its weight.",
        first_step=float(kd[1].step[0]),
        last_step=float(kd[1].step[-1]),
        numbers={"first": float(value[0]), "later": level},
    )


def _evaluations(run: Run, t: Thresholds) -> tuple[tuple[str, Column], tuple[str, Column]] | None:
    """The evaluation's KL and label loss, at the weights of the same steps and on the same text."""
    found = []
    for names_of in ((names.EVAL_KL, names.EVAL_RAW + names.KD), (names.EVAL_LM_LOSS,)):
        name = next((n for n in names_of if run.get(n) is not None), None)
        if name is None:
            return None
        known = signals.finite(signals.tidy(run.columns[name]))
        if len(known) < t["evaluations"]:
            return None
        found.append((name, known))
    return found[0], found[1]


def _training(run: Run, t: Thresholds) -> tuple[tuple[str, Column], tuple[str, Column]] | None:
    kd, lm = signals.unweighted(run, [names.KD]), signals.label_loss(run)
    weighted = run.terms(names.WEIGHTED)
    if not run.terms(names.WEIGHT) and names.KD in weighted and kd is None:
        kd = names.WEIGHTED + names.KD, signals.finite(signals.tidy(weighted[names.KD]))
        term = next((term for term in weighted if term in names.ANCHORS), None)
        lm = None if term is None else (names.WEIGHTED + term, signals.finite(signals.tidy(weighted[term])))
    if kd is None or lm is None or min(len(kd[1]), len(lm[1])) < t["records"]:
        return None
    return kd, lm


def _beside_the_total(run: Run, t: Thresholds) -> tuple[tuple[str, Column], tuple[str, Column]] | None:
    """KD beside the total, where the log has no label loss: another part makes that fall."""
    kd, total = signals.unweighted(run, [names.KD]), run.get(names.LOSS)
    if kd is None or total is None or signals.label_loss(run) is not None:
        return None
    known = signals.finite(signals.tidy(total))
    return (kd, (names.LOSS, known)) if min(len(kd[1]), len(known)) >= t["records"] else None


def _windows(column: Column) -> tuple[Floats, Floats]:
    """The second quarter, and the last one."""
    quarter = len(column) // 4
    first = column.value[quarter : max(2 * quarter, quarter + 2)]
    return first, column.value[-max(quarter, 2) :]


def _even(column: Column, soft: tuple[Floats, Floats], t: Thresholds, *, tight: bool) -> bool:
    """Whether the two ends, the noise granted, lie within the band; with an unknown weight all between them too."""
    gain, level = signals.gain(*soft), abs(float(median(soft[0])))
    if abs(gain.amount) >= t["band"] * level + 2 * gain.error:
        return False
    quarter = len(column) // 4  # what any student gains by its first steps is left out here too
    later = Column(column.step[quarter:], column.value[quarter:])
    blocks = signals.blocks(later, min(6, max(len(later) // 4, 3)))
    # a weight that comes in moves the value by its level; one that is constant leaves it within twice the band
    return not tight or (blocks is not None and blocks.range < 2 * t["band"] * level + 2 * float(np.max(blocks.error)))


def _evaluated_kl_falls(run: Run) -> bool:
    for name in (names.EVAL_KL, names.EVAL_RAW + names.KD):
        column = run.get(name)
        if column is not None and len(column) >= 2:
            known = signals.finite(column).value
            known = known[known.size // 4 :]  # what every student gains by its first steps is not KD's doing
            if known.size >= 2 and known[-1] < 0.95 * known[0]:
                return True
    return False


def _finding(
    run: Run,
    kd: tuple[str, Column],
    windows: tuple[tuple[Floats, Floats], tuple[Floats, Floats]],
    beginning: tuple[float, str],
    t: Thresholds,
    *,
    rises: bool,
    tight: bool,
) -> Finding:
    begin, labels = beginning
    start, end, first, last = (float(median(v)) for pair in windows for v in pair)
    share = signals.shares(run).get(names.KD)
    part = [] if share is None else [f"KD is {words.percent(float(median(share.value)))} of the loss in the median"]
    untold = signals.parts(run).source == "raw" and run.get(names.WEIGHT + names.KD) is None
    copy = rises and (begin < t["copy"] or untold)
    what = "rises" if rises else "stays"
    return RULE.finding(
        level=Level.INFO if copy or tight else Level.WARNING,  # an unknown weight may have moved
        headline=(
            f"KD {what} ({words.number(start)}, later {words.number(end)}) while {labels} falls from "
            f"{words.number(first)} to {words.number(last)}: the student does not learn from the teacher."
        ),
        evidence=(
            f"{words.capital(words.called(kd[0]))}: median of the second quarter {words.number(start)}, of the last "
            f"one {words.number(end)}, {words.counted(len(kd[1]), 'record')}",
            *part,
        ),
        cause=(
            "The student starts as a copy of the teacher and leaves it for the labels; or the value is weighted, and "
            "its weight rises."
            if copy
            else "A KL this high is that of unrelated distributions: targets of another tokenizer or of other "
            "positions, or a teacher with random weights."
            if t["high"] < start < t["most"]
            else "KD has no gradient or no weight, or its targets are of other text: a detached term, a teacher in "
            "train mode, misaligned positions, a temperature far too high."
        ),
        remedy="Take KD's gradient alone on one batch; compare teacher and student text at a few compared positions.",
        first_step=float(kd[1].step[0]),
        last_step=float(kd[1].step[-1]),
        numbers={"kd_first": start, "kd_last": end, "label_first": first, "label_last": last},
    )


RULE = Rule(
    code="R207",
    name="kd-stays",
    level=Level.WARNING,
    page=__doc__,
    needs=(f"{names.RAW}|{names.WEIGHTED}|{names.UNWEIGHTED}|{names.EVAL_KL}|{names.EVAL_RAW}",),
    check=check,
    thresholds={
        "follows": 0.1,
        "share": 0.25,
        "band": 0.1,
        "rise": 0.1,
        "falls": 0.04,
        "nats": 0.2,
        "floor": 0.2,
        "total": 0.05,
        "high": 8,
        "most": 16,
        "stays": 0.02,
        "copy": 0.5,
        **{"begins": 0.03, "above": 0.02},
        "records": 24,
        "evaluations": 6,
    },
)
