"""There is little to judge by

## What it sees
Fewer records of the training than the rules of trends need. It is a hint and never more, and neither it nor its silence
makes a run healthy.

## Why it is bad
Ten records of a noisy loss show no trend: a rule that judged them would raise false alarms, so most do not judge. A
short report then is no good sign.

## Thresholds
- `records = 24`: from so many records of the total loss, or of the series that has most, trends are judged.

## Example
```run fires
steps: 8 every 100
train/loss: 9 -> 8
```

```run quiet
steps: 80 every 100
train/loss: 9 -> 8
```

## Remedy
Log more often: a record costs a millisecond. Or look again later.

```toml
[train]
log_every = 1
```

## Sources
- The rules' own thresholds of records, in their pages.
"""

from __future__ import annotations

from collections.abc import Iterator

from sad_doctor import names, words
from sad_doctor.finding import TOO_FEW, Finding, Level, Reading
from sad_doctor.rule import Hint, Rule, Thresholds, TooFew
from sad_doctor.run import Run

_SERIES = 100
"""From so many series for each record of the longest on, a record has names of its own."""


def check(run: Run, t: Thresholds) -> Iterator[Finding | Reading]:
    """Yield one hint for a log of few records."""
    loss = run.get(names.LOSS)
    count = len(loss) if loss is not None else max((len(c) for c in run.columns.values()), default=0)
    if not count:
        raise TooFew("not one record was read")
    yield Reading("records", count, "records")
    if count >= t["records"]:
        return
    are = "is" if count == 1 else "are"
    of = "of the training loss" if loss is not None else "of the series that has most"
    # a record that has a name of its own
    apart = len(run.columns) > _SERIES * count
    yield RULE.finding(
        headline=f"There {are} {words.counted(count, 'record')} {of}: too few for trends, and most rules need more.",
        evidence=(f"Trends are judged from {t['records']:g} records on",),
        cause=f"Each record has names of its own: {len(run.columns):,} series in all."
        if apart
        else "The run is young, or logs seldom.",
        remedy="Log a number by the same name in every record: no step or batch within it."
        if apart
        else "Log more often, or look again later.",
        first_step=None,
        last_step=run.last_step if run.last_step >= 0 else None,
        numbers={"records": float(count)},
    )


RULE = Rule(
    code=TOO_FEW,
    name="too-few-records",
    level=Level.INFO,
    hint=Hint.READING,
    page=__doc__,
    needs=(),
    check=check,
    thresholds={"records": 24},
)
