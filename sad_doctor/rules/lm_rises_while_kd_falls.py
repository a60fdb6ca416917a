"""The label loss rises while KD falls

## What it sees
KD, before its weight, surely falls by more than a tenth from the first third of the records to the last, and the label
loss (or the evaluation's) surely rises by more than the threshold. Where an evaluation of the label loss is logged and
falls, it is quiet; where that rises steadily from its best one on, in a first pass over the texts, it is a hint.

## Why it is bad
The student comes nearer to its teacher and further from the text. If the targets were the teacher's view of the same
text, both would fall. Common reasons: positions that are misaligned by one or cut to the shorter length, so that the
student learns the teacher's word for another place; a teacher that does not know this text; a temperature whose soft
targets flatten the student; a KD weight that leaves the label loss no say.

## Thresholds
- `falls = 0.1`: the share by which KD must surely fall.
- `rises = 0.05`, `nats = 0.2`: how far the label loss must surely rise, as a share and at least. A student that gives
  up a little likelihood for its teacher's soft targets stays below.
- `far = 0.25`, `fall_nats = 0.3`, `same = 0.005`: a KD that surely falls so far beside a label loss that surely does
  not fall by more than this share is a hint. It is a warning where the label loss stays `above = 1` nat or more over
  the teacher's, or is above `ignorant = 0.9` of ln(vocabulary), as of a student that knows nothing of the text; there
  0.6 of the fall will do, and the label loss may take `shared = 0.1` of it.
- `halved = 0.35`, `little = 0.03`: a KD that loses so large a share beside a label loss that keeps its level, within
  this share of it, is a hint too.
- `turned = 0.02`: how far the last evaluation must lie above the best in a first pass, as a share.
- `records = 24`, `evaluations = 4`: fewest points.

## Example
```run fires
steps: 300
train/raw/kd: 4 -> 1 ~ 0.05
train/raw/lm: 4 -> 6 ~ 0.1
```

```run quiet
steps: 300
train/raw/kd: 4 -> 1 ~ 0.05
train/raw/lm: 4 -> 3 ~ 0.1
```

## Remedy
Print the text around three compared positions of both models; `sad verify` checks the alignment of any two tokenizers.
Then look at the teacher's own label loss on this text, and raise the weight of the label loss.

```toml
[terms.lm]
weight = 1.0
```

## Sources
- The failed runs this project starts from: states and logits cut to the shorter of 168 and 160 tokens.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from sad_doctor import names, signals, words
from sad_doctor.finding import Finding, Level, Reading
from sad_doctor.rule import Rule, Thresholds, TooFew
from sad_doctor.run import Column, Floats, Run
from sad_doctor.signals.middle import median, medians

_STEADILY = 0.8
"""The share of the evaluations since the best that are no lower than the one before."""

_OFF = 2
"""Records of exactly 0 above which the label loss is switched off there."""

_LEARNS = 0.1
"""The share by which the training's label loss must fall to learn what the evaluation does not show."""

_MOVES = 0.02
"""Nats by which an evaluated label loss must fall to have moved at all."""


def check(run: Run, t: Thresholds) -> Iterator[Finding | Reading]:
    """Yield one finding when the two part."""
    kd = signals.unweighted(run, [names.KD]) or signals.after_its_weight(run, [names.KD])
    evaluated = run.get(names.EVAL_LM_LOSS)
    told = None if evaluated is None else signals.finite(signals.tidy(evaluated))
    if told is not None and len(told) >= t["evaluations"]:
        half = len(told) // 2
        lm, ends = (names.EVAL_LM_LOSS, told), (told.value[:half], told.value[-half:])
    else:
        lm = signals.label_loss(run) or ("", Column(np.empty(0), np.empty(0)))
        ends = (signals.ends(lm[1]) or _nothing()) if len(lm[1]) >= t["records"] else _nothing()
    if kd is None or len(kd[1]) < t["records"] or not ends[0].size:
        raise TooFew("too few records of KD and of the label loss before their weights")
    if int(np.sum(lm[1].value == 0)) > _OFF:
        raise TooFew("the label loss is exactly 0 in some records: its weight changes")
    turned = lm[0] == names.EVAL_LM_LOSS and _turned(run, lm[1], t) and signals.falls(kd[1], t["falls"])
    if lm[0] == names.EVAL_LM_LOSS and _training_learns(run):
        # the evaluation parts from the training: told by R305 and R312, but for a first pass
        if turned:
            yield _finding(lm, signals.ends(kd[1]) or _nothing(), _turn(lm[1]), Level.INFO, risen=True)
        return
    soft = signals.ends(kd[1]) or _nothing()
    down, up = signals.gain(*soft), signals.gain(*ends)
    level, labels = (abs(float(median(first))) for first, _ in (soft, ends))
    yield Reading("fall of KD, as a share", down.amount / level if level else float("nan"), "falls")
    yield Reading("rise of the label loss, nats", -up.amount, "nats")
    size = run.fact(names.VOCABULARY_SIZE)
    ignorant = size is not None and size > 1 and labels > t["ignorant"] * math.log(size)
    risen = up.surely_below(-max(t["rises"] * labels, t["nats"]), sigmas=3) or _left_its_best(lm, t)
    if down.surely_above(t["falls"] * level) and risen:
        yield _finding(lm, soft, ends, Level.WARNING, risen=True)
    elif _far(down, level, t, ignorant) and up.surely_below(
        max(t["same"] * labels, t["shared"] * down.amount if ignorant else 0.0), sigmas=2
    ):
        stays = ignorant or _stays_far(run, lm, (down.amount, level), t)
        yield _finding(lm, soft, ends, Level.WARNING if stays else Level.INFO)
    elif _stays_far(run, lm, (down.amount, level), t):
        yield _finding(lm, soft, ends, Level.WARNING)
    elif down.surely_above(max(t["halved"] * level, t["fall_nats"])) and _level(lm[1], t["little"] * labels):
        yield _finding(lm, soft, ends, Level.INFO)
    elif turned:
        yield _finding(lm, soft, _turn(lm[1]), Level.INFO, risen=True)


def _turned(run: Run, column: Column, t: Thresholds) -> bool:
    """Whether an evaluation rises steadily since its best, in a first pass, in which nothing is learned by heart."""
    epoch = run.get(names.EPOCH)
    known = np.empty(0) if epoch is None else signals.finite(epoch).value
    best, since = int(np.argmin(column.value)), _turn(column)[1]
    if not known.size or not 0 < float(known.max()) <= 1 or since.size < t["evaluations"] + 1 or not best:
        return False
    steady = float(np.mean(np.diff(since) >= 0)) >= _STEADILY
    return steady and float(since[-1]) > (1 + t["turned"]) * float(since[0]) > 0


def _turn(column: Column) -> tuple[Floats, Floats]:
    """The best value of an evaluation, and all since."""
    best = int(np.argmin(column.value))
    return column.value[best : best + 1], column.value[best:]


def _training_learns(run: Run) -> bool:
    """Whether the training's label loss surely falls, before its weight or where no weight is logged."""
    label = signals.label_loss(run) or signals.after_its_weight(run, sorted(names.ANCHORS))
    return label is not None and signals.falls(label[1], _LEARNS)


def _level(column: Column, slack: float) -> bool:
    """Whether the label loss keeps one level from its first tenth on: all blocks of it, or all evaluations."""
    late = Column(column.step[len(column) // 10 :], column.value[len(column) // 10 :])
    found = signals.blocks(late, 6)
    return float(np.ptp(late.value) if found is None else found.range) < slack


def _far(down: signals.Gain, level: float, t: Thresholds, ignorant: bool) -> bool:
    """Whether KD surely falls far; for a student that knows nothing of the text, half of that is far."""
    limit = max(t["far"] * level, t["fall_nats"])
    return down.surely_above(0.6 * limit if ignorant else limit)


def _stays_far(run: Run, lm: tuple[str, Column], kd: tuple[float, float], t: Thresholds) -> bool:
    """Whether an evaluated label loss stays far above the teacher's from its first quarter on, though KD falls far."""
    teacher = signals.teacher_held_out(run)
    fall, level = kd
    if teacher is None or lm[0] != names.EVAL_LM_LOSS or fall < t["far"] * level:
        return False
    late = lm[1].value[len(lm[1]) // 4 :]
    half = late.size // 2
    if half < 2 or float(late.min()) < teacher + t["above"]:
        return False
    return signals.gain(late[:half], late[-half:]).surely_below(_MOVES)


def _left_its_best(lm: tuple[str, Column], t: Thresholds) -> bool:
    """Whether the last three evaluations all lie above the best one by the threshold."""
    if lm[0] != names.EVAL_LM_LOSS or len(lm[1]) < 2 * t["evaluations"]:
        return False
    best = float(medians(np.lib.stride_tricks.sliding_window_view(lm[1].value, 3)).min())  # one is low by chance
    return bool(np.all(lm[1].value[-3:] > best + max(t["rises"] * abs(best), t["nats"])))


def _nothing() -> tuple[Floats, Floats]:
    """Return two empty windows."""
    return np.empty(0), np.empty(0)


def _finding(
    lm: tuple[str, Column],
    soft: tuple[Floats, Floats],
    labels: tuple[Floats, Floats],
    level: Level,
    *,
    risen: bool = False,
) -> Finding:
    kd_first, kd_last, lm_first, lm_last = (float(median(v)) for v in (*soft, *labels))
    lowest = int(np.argmin(lm[1].value))
    return RULE.finding(
        level=level,
        headline=(
            f"KD falls from {words.number(kd_first)} to {words.number(kd_last)} while {words.called(lm[0])} "
            f"{'rises' if risen else 'does not fall'} ({words.number(lm_first)}, later {words.number(lm_last)}): "
            f"{'the student learns targets of other text' if risen else 'what KD gains does not reach the labels'}."
        ),
        evidence=(
            f"{words.capital(words.called(lm[0]))} was lowest at step {words.step(lm[1].step[lowest])}: "
            f"{words.number(float(lm[1].value[lowest]))}",
        ),
        cause="Misaligned positions, a teacher that does not know this text, or soft targets that flatten the student.",
        remedy="Compare the text at a few compared positions of both models; raise the weight of the label loss.",
        first_step=float(lm[1].step[lowest]),
        last_step=float(lm[1].step[-1]),
        numbers={"kd_first": kd_first, "kd_last": kd_last, "lm_first": lm_first, "lm_last": lm_last},
    )


RULE = Rule(
    code="R208",
    name="lm-rises-while-kd-falls",
    level=Level.WARNING,
    page=__doc__,
    needs=(f"{names.RAW}|{names.WEIGHTED}|{names.UNWEIGHTED}",),
    check=check,
    thresholds={
        "falls": 0.1,
        "rises": 0.05,
        "nats": 0.2,
        "records": 24,
        "evaluations": 4,
        "far": 0.25,
        "fall_nats": 0.3,
        "same": 0.005,
        "shared": 0.1,
        "ignorant": 0.9,
        "halved": 0.35,
        "little": 0.03,
        "above": 1,
        "turned": 0.02,
    },
)
