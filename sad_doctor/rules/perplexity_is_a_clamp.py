"""The perplexity is a clamp

## What it sees
A perplexity that is exp(k) within its printed precision, for a k at which code caps a loss before `exp`: 10, 11, 12,
15, 20, 25, 30, 50, 80, 88, 100, 300, 500, 700, 709. With only 4 or 5 printed digits it must repeat. Or one
that is cut itself: the same round number, the highest of the log, again and again.

## Why it is bad
485,165,195.41 is exp(20): it says that some loss was at least 20, and nothing of the language model. It stays the same
while the loss doubles or halves, so it looks like a plateau. The idiom is `math.exp(min(loss, 20))`; the loss inside is
often the total objective, which has no business there at all.

## Thresholds
- `digits = 6`: a value with so many significant digits is judged alone; with fewer the same clamp must come twice.
- `round = 3`, `least = 100`: a highest perplexity of one or two digits and noughts, of at least this, in so many
  evaluations, where others have more digits or it is a power of ten.

## Example
```run fires
steps: 499, 999
eval/loss: 51.7094, 51.7094
eval/perplexity: 485165195.41, 485165195.41
```

```run quiet
steps: 10 every 500
eval/lm_loss: 9.2 -> 4.1
eval/perplexity: 9897.1, 5100.2, 1804.9, 803.2, 402.7, 201.3, 130.9, 90.2, 71.5, 60.3
```

## Remedy
Take exp of the token-weighted LM loss on held-out text, and do not cap it: a perplexity of infinity is honest. `sad
train` logs `eval/lm_loss`, `eval/perplexity` and, comparable between tokenizers, `eval/bits_per_byte`.

## Sources
- The failed runs this project starts from; the same idiom stands in much training code.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from sad_doctor import names, signals, words
from sad_doctor.finding import Finding, Level, Reading
from sad_doctor.rule import Rule, Thresholds
from sad_doctor.run import Column, Run


def check(run: Run, t: Thresholds) -> Iterator[Finding | Reading]:
    """Yield one finding for each clamp that is met."""
    found = run.get(names.EVAL_PERPLEXITY)
    if found is None:
        return
    perplexity = signals.tidy(found)
    clamps = [signals.clamp_of(value) for value in perplexity.value.tolist()]
    yield Reading("evaluations at a clamp", sum(k is not None for k in clamps))
    for k in sorted({k for k in clamps if k is not None}):
        hits = [i for i, clamp in enumerate(clamps) if clamp == k]
        digits = max(signals.significant_digits(float(perplexity.value[i])) for i in hits)
        if len(hits) > 1 or (digits >= t["digits"] and not _measured(run, float(perplexity.step[hits[0]]), k)):
            yield _finding(run, perplexity, k, hits)
    if cut := _cut(perplexity, t):
        yield _of_a_limit(perplexity, cut)


def _cut(perplexity: Column, t: Thresholds) -> list[int]:
    """The evaluations at one round number that none is above, and that rounding for print does not explain."""
    top = float(np.max(perplexity.value, initial=0.0))
    hits = np.flatnonzero(perplexity.value == top).tolist()
    if not math.isfinite(top) or top < t["least"] or signals.significant_digits(top) > 2 or len(hits) < t["round"]:
        return []
    fine = any(signals.significant_digits(value) > 3 for value in perplexity.value.tolist())
    return hits if fine or math.log10(top).is_integer() else []


def _of_a_limit(perplexity: Column, hits: list[int]) -> Finding:
    top, at = float(perplexity.value[hits[-1]]), [float(perplexity.step[i]) for i in hits]
    return RULE.finding(
        headline=(
            f"The perplexity is {words.number(top)} in {len(hits)} of {len(perplexity)} evaluations, and never above: "
            "a clamp, not a measurement."
        ),
        evidence=(f"Exactly {words.number(top)} at {words.steps(at)}",),
        cause=f"The code takes min(perplexity, {words.number(top)}); what is cut may be that of the total.",
        remedy="Take exp of the token-weighted LM loss of held-out text, without a cap.",
        first_step=at[0],
        last_step=at[-1],
        numbers={"perplexity": top, "hits": float(len(hits)), "evaluations": float(len(perplexity))},
    )


def _measured(run: Run, step: float, k: int) -> bool:
    """Whether a loss beside the perplexity is k, which a loss that was capped would be above."""
    losses = (run.get(name) for name in (names.EVAL_LOSS, names.EVAL_LM_LOSS))
    return any(abs(loss.at(step) - k) <= signals.tolerance(float(k)) for loss in losses if loss is not None)


def _finding(run: Run, perplexity: Column, k: int, hits: list[int]) -> Finding:
    value = float(perplexity.value[hits[-1]])
    at = [float(perplexity.step[i]) for i in hits]
    loss = run.get(names.EVAL_LOSS)
    inside = float("nan") if loss is None else loss.at(at[-1])
    evidence = [f"ln {words.number(value)} = {k}, at {words.steps(at)}"]
    if inside >= k:
        evidence.append(f"The evaluation loss there is {words.number(inside)}: capped at {k} before exp")
    return RULE.finding(
        headline=(
            f"The perplexity {words.number(value)} is exp({k}) in {len(hits)} of {len(perplexity)} evaluations: a "
            "clamp, not a measurement."
        ),
        evidence=tuple(evidence),
        cause=f"The code takes exp of min(loss, {k}); the loss was {k} or more, often because it is the total.",
        remedy="Take exp of the token-weighted LM loss of held-out text, without a cap.",
        first_step=at[0],
        last_step=at[-1],
        numbers={"k": float(k), "perplexity": value, "hits": float(len(hits)), "evaluations": float(len(perplexity))},
    )


RULE = Rule(
    code="R301",
    name="perplexity-is-a-clamp",
    level=Level.ERROR,
    page=__doc__,
    needs=(names.EVAL_PERPLEXITY,),
    check=check,
    thresholds={"digits": 6, "round": 3, "least": 100},
)
