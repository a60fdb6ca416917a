"""A non-finite value is shown as zero, or not at all

## What it sees
A message that a non-finite value was set or clamped to zero; or a loss that drops from well above 0 to exactly 0 and
stays there for the last records, which is how Hugging Face's Trainer shows NaN (`logging_nan_inf_filter`). After a
small loss, with a gradient norm beside it that is finite and not 0, it is only too small for the printed digits. Or a
total that was exactly 0 from the first record on, while no part of it is anything else; a log with rewards is left out,
as policy gradients have a loss of 0 by design. Or KD, the label loss or the total at exactly 0 in single records, at no
regular distance, among others well above it. Or the loss or a term that stood in nearly every row of a table, and is
blank, NA or null in the last ones, while a training series or the step goes on: pandas writes NaN as an empty cell,
some JSON writers as null.

## Why it is bad
The log looks better for it: the term seems solved, the mean of the run goes down. The step that made it is still in the
weights, or was silently left out of the loss, so that the gradient is of another objective than the one in the log.

## Thresholds
- `records = 5`: the last so many records must be exactly 0; of a loss that always was, fewest records. With a gradient
  norm of NaN beside the zero one record is enough for a warning; without one, fewer are a hint.
- `from = 0.01`: the loss just before must be above this; a tiny loss may round to 0. With a living gradient beside the
  zeros it must be above ten times this.
- `blanks = 5`: the last so many rows must be blank.
- `flickers = 2`, `rare = 0.2`: fewest single zeros of such a series, and the largest share of the records.

## Example
```run fires
event warning @ 436: lm_loss produced non-finite value (nan); clamping to zero.
steps: 600
train/loss: 28 ~ 3
```

```run fires
steps: 10
train/loss: 4.1, 3.9, 3.8, 0, 0, 0, 0, 0, 0, 0
```

```run fires
steps: 1
train/loss: 0
train/grad_norm: nan
```

```run quiet
steps: 10
train/loss: 1, 0.5, 0.1, 0.02, 0.004, 0, 0, 0, 0, 0
```

## Remedy
Let the value be NaN and stop, or skip the whole optimizer step and count it. In Hugging Face's Trainer set
`logging_nan_inf_filter=False`. `sad train` skips such a step, names it and logs `train/skipped_steps`.

## Sources
- transformers 5.23: NaN from step 7 on appears as `loss: 0.0, grad_norm: NaN` in `log_history`.
- The failed runs this project starts from: "lm_loss produced non-finite value (nan); clamping to zero", printed once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import numpy as np

from sad_doctor import names, signals, words
from sad_doctor.finding import Finding, Level
from sad_doctor.rule import Rule, Thresholds, TooFew
from sad_doctor.run import Event, Run
from sad_doctor.signals.middle import median

_ZEROED = re.compile(
    r"(non-?finite|\bnans?\b|\binf(inity)?s?\b).*(\b(to|by|with|as)\s+|clamp\w*\s+|=\s*)(zeros?|0(\.0*)?)\b",
    re.IGNORECASE,
)


def check(run: Run, t: Thresholds) -> Iterator[Finding]:
    """Yield a finding for the messages and one for a loss of zeros."""
    loss = run.get(names.LOSS)
    if loss is None and not run.events and "events" not in run.facts:
        raise TooFew("the log has neither a loss nor messages")
    kinds = (names.EVENT_WARNING, names.EVENT_NON_FINITE)
    messages = [e for e in run.events if e.kind in kinds and _ZEROED.search(e.message)]
    if not messages and not run.columns:
        raise TooFew("not one record was read: what the log says of the training is not understood")
    if messages:
        yield _told(messages)
    if loss is not None:
        yield from _zeros(run, t)
    yield from _blanks(run, t)
    yield from list(_flickers(run, t)) or _regular(run, t)


def _told(messages: list[Event]) -> Finding:
    first = messages[0]
    at = "" if first.step is None else f" at step {words.step(first.step)}"
    steps = [e.step for e in messages if e.step is not None]
    return RULE.finding(
        headline=f"A non-finite value was replaced by zero{at}: {first.message}",
        evidence=tuple(
            f"{'Before any step' if e.step is None else f'Step {words.step(e.step)}'}: {e.message}"
            for e in messages[:4]
        ),
        cause="A batch without one valid label gives a mean over nothing; the code hides it. It may warn only once.",
        remedy="Divide a sum by a count and skip at 0; count skipped steps in place of replacing values.",
        first_step=min(steps, default=None),
        last_step=max(steps, default=None),
        numbers={"messages": float(len(messages))},
    )


def _zeros(run: Run, t: Thresholds) -> Iterator[Finding]:
    found = run.get(names.LOSS)
    if found is None:
        return
    loss = signals.tidy(found)
    nonzero = np.flatnonzero(loss.value != 0)
    if not nonzero.size:
        yield from _never(run, len(loss), t)
        return
    last = int(nonzero[-1])
    count = len(loss) - 1 - last
    before = float(loss.value[last])
    if not count or before <= t["from"]:
        return
    at = float(loss.step[last + 1])
    if before <= 10 * t["from"] and (_lives(run, at) or count < t["records"]):
        return
    few, broken = count < max(t["records"], 1), _gradient(run, at)
    hint = few and not broken
    if hint and (_lives(run, at) or nonzero.size <= last):
        return
    yield RULE.finding(
        level=Level.INFO if hint else Level.WARNING if few else Level.ERROR,
        headline=(
            f"The loss is exactly 0 from step {words.step(at)} on, after {words.number(before)}"
            f"{'.' if hint else ': a hidden NaN.'}"
        ),
        evidence=(f"Exactly 0 in the last {count:,} of {len(loss):,} records", *broken),
        cause=(
            f"{'A batch without one valid label, or the' if hint else 'The'} loss became NaN and the logger filters it "
            "(Hugging Face: logging_nan_inf_filter)."
        ),
        remedy="Set logging_nan_inf_filter=False and go back to a checkpoint before that step.",
        first_step=at,
        last_step=float(loss.step[-1]),
        numbers={"zero_records": float(count), "before": before},
    )


def _never(run: Run, count: int, t: Thresholds) -> Iterator[Finding]:
    """A loss that was never anything but 0."""
    parts = (*run.terms(names.RAW).values(), *run.terms(names.WEIGHTED).values())
    if any(bool(np.any(part.value != 0)) for part in parts):
        return
    few, broken = count < max(t["records"], 1), _gradient(run, run.first_step)
    if not broken and (few or any("reward" in name for name in run.columns)):
        return
    yield RULE.finding(
        level=Level.WARNING if few else Level.ERROR,
        headline=(
            f"The loss is exactly 0 in {'the only record' if count == 1 else f'all {count:,} records'}"
            f"{', and its gradient is not finite: a hidden NaN' if broken else ': nothing is learned from'}."
        ),
        evidence=(f"{words.counted(count, 'record')} of exactly 0, and no other", *broken),
        cause=(
            "The loss is NaN and the logger shows 0 (Hugging Face: logging_nan_inf_filter): a mean over nothing, since "
            "every label is masked or cut off, or an overflow."
            if broken
            else "Every label is masked, a mean over nothing or NaN was set to 0, or no term of it is computed."
        ),
        remedy="Print the labels of one batch, and the loss in full precision before anything replaces it.",
        first_step=run.first_step,
        last_step=run.last_step,
        numbers={"zero_records": float(count)},
    )


def _regular(run: Run, t: Thresholds) -> Iterator[Finding]:
    """A total that is exactly 0 at a regular distance, and far above it in the others: some are not written."""
    told = run.get(names.LOSS)
    if told is None:
        return
    loss = signals.finite(signals.tidy(told))
    zero = signals.zeros_in_turn(loss, int(t["flickers"]), 10 * t["from"])
    if not zero.size:
        return
    steps, others = loss.step[zero].tolist(), loss.value[loss.value != 0]
    yield RULE.finding(
        level=Level.INFO,
        headline=(
            f"The training loss is exactly 0 in every {int(np.diff(zero)[0])} records, {zero.size:,} of {len(loss):,}, "
            f"and about {words.number(float(median(others)))} in the others."
        ),
        evidence=(f"At {words.steps(steps)}",),
        cause="It is not computed there, or set to 0 before it is written; or one process of several has none.",
        remedy="Leave a number out where there is none; print the loss in three records in a row.",
        first_step=steps[0],
        last_step=steps[-1],
        numbers={"zeros": float(zero.size)},
    )


def _flickers(run: Run, t: Thresholds) -> Iterator[Finding]:
    """KD, the label loss or the total exactly 0 in single records, at no regular distance, others far above it."""
    for term in (names.KD, *sorted(names.ANCHORS), ""):
        told = [run.get(prefix + term) for prefix in (names.RAW, names.WEIGHTED)] if term else [run.get(names.LOSS)]
        column = next((signals.tidy(one) for one in told if one is not None), None)
        if column is None:
            continue
        weight = run.get(names.WEIGHT + term)
        off = np.empty(0) if weight is None else weight.step[weight.value == 0]
        inside = signals.zeros_astray(column, off, int(t["flickers"]), t["rare"], 10 * t["from"])
        if not inside.size:
            continue
        steps, others = column.step[inside].tolist(), column.value[column.value != 0]
        what = f"The term {term}" if term else "The training loss"
        yield RULE.finding(
            level=Level.WARNING,
            headline=(
                f"{what} is exactly 0 in {inside.size:,} of {len(column):,} records, and about "
                f"{words.number(float(median(others)))} in the others: something was replaced by zero."
            ),
            evidence=(f"At {words.steps(steps)}",),
            cause="A batch without one valid label or compared position, or an overflow: a NaN, which is hidden.",
            remedy="Divide a sum by a count and skip at 0; count skipped steps in place of replacing values.",
            first_step=steps[0],
            last_step=steps[-1],
            numbers={"zeros": float(inside.size)},
        )
        return


def _blanks(run: Run, t: Thresholds) -> Iterator[Finding]:
    """A dense series of the loss that ends in blanks; one whose run ends in evaluations has come to its end."""
    known = run.facts.get(names.BLANK)
    ended = {
        name: tuple(float(number) for number in found)
        for name, found in (known.items() if isinstance(known, Mapping) else ())
        if (name == names.LOSS or (names.term_of(name) and name.startswith("train/"))) and found[2] >= t["blanks"]
    }
    if not ended:
        return
    name = min(ended, key=lambda one: (ended[one][0], one != names.LOSS))
    first, last, rows = ended[name]
    on = [other for other, column in run.columns.items() if len(column) and column.step[-1] >= last]
    if on and not any(_beside(run, name, other) for other in on):
        return
    yield RULE.finding(
        headline=(
            f"{words.capital(words.called(name))} is blank from step {words.step(first)} on, while the log goes on to "
            f"step {words.step(last)}: a hidden NaN, or it is no longer logged."
        ),
        evidence=(
            f"The last {rows:,.0f} rows have no value; before, nearly every row had one",
            *([f"Blank too: {words.listing(other for other in ended if other != name)}"] if len(ended) > 1 else []),
            *([f"Meanwhile logged: {words.listing(on[:4])}"] if on else []),
        ),
        cause="The loss became NaN and the writer leaves it out: pandas an empty cell, some JSON writers null.",
        remedy="Write NaN as NaN (pandas: na_rep='NaN'); go back to a checkpoint before that step.",
        first_step=first,
        last_step=last,
        numbers={"blank_rows": rows, "series": float(len(ended))},
    )


def _beside(run: Run, name: str, other: str) -> bool:
    """Whether ``other`` is of the training: it was logged with the series before, which an evaluation is not."""
    if other == names.EPOCH or other.startswith("eval/"):
        return False
    return bool(np.mean(np.isin(run.columns[name].step, run.columns[other].step)) >= 0.5)


def _lives(run: Run, at: float) -> bool:
    """Whether the gradient norm is finite and not 0 wherever it was logged from step ``at`` on."""
    norm = run.get(names.GRAD_NORM)
    after = np.empty(0) if norm is None else norm.value[norm.step >= at]
    return bool(after.size) and bool(np.all(np.isfinite(after) & (after > 0)))


def _gradient(run: Run, at: float) -> tuple[str, ...]:
    norm = run.get(names.GRAD_NORM)
    if norm is None:
        return ()
    bad = int((~np.isfinite(norm.value[norm.step >= at])).sum())
    return (f"The gradient norm is not finite in {words.counted(bad, 'record')} from there on",) if bad else ()


RULE = Rule(
    code="R403",
    name="non-finite-hidden",
    level=Level.ERROR,
    page=__doc__,
    needs=(),
    check=check,
    thresholds={"records": 5, "from": 0.01, "blanks": 5, "flickers": 2, "rare": 0.2},
)
