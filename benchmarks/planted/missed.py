"""What the logs that the doctor judged wrongly could have shown, and what a good run beside them tells."""

from __future__ import annotations

import pickle
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise
from pathlib import Path
from random import Random

from planted import ceiling
from planted.columns import kept
from planted.formats import FORMATS
from planted.record import Plan, Record
from planted.training import Training
from planted.verdict import Verdict
from planted.worlds import KINDS, plan
from sad_doctor import read
from sad_doctor.baseline import beside
from sad_doctor.run import Run

_FAR = 10
"""From seed to seed: even, as the parity of a seed chooses the teacher."""


@dataclass(frozen=True)
class Missed:
    """The verdicts of a group, where its runs are kept, and in which formats and levels their logs are written."""

    verdicts: Sequence[Verdict]
    split: str
    runs: Path
    logs: tuple[tuple[str, str], ...]

    def wrong(self) -> list[Verdict]:
        return [one for one in self.verdicts if one.sick and one.wrong]

    def record(self, verdict: Verdict) -> Record:
        return _kept(self.runs / f"{self.split}-{verdict.kind}-{verdict.seed}.pickle")

    def twin(self, verdict: Verdict, number: int) -> Record:
        """Return a sound run of the setting of a fault, with another seed; kept beside the others."""
        path = self.runs / "twins" / f"{self.split}-{verdict.kind}-{verdict.seed}-{number}.pickle"
        if not path.is_file():
            setting = plan(verdict.kind, self.split, verdict.seed)
            other = replace(setting, seed=setting.seed + _FAR * number)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(pickle.dumps(_sound(KINDS[verdict.kind], setting)(other).run()))
        return _kept(path)

    def sound(self) -> Iterator[tuple[str, Record]]:
        """Yield the healthy runs that are kept, by kind."""
        for path in sorted(self.runs.glob(f"{self.split}-*.pickle")):
            kind = path.stem.split("-")[-2]
            if kind in KINDS and not KINDS[kind].sick:
                yield kind, _kept(path)


def _sound(kind: type[Training], setting: Plan) -> type[Training]:
    """Return the healthy training that a fault is planted in, with the settings that the fault's seed has drawn."""
    base = next(one for one in kind.__mro__ if issubclass(one, Training) and not one.sick)

    class Twin(base):  # type: ignore[misc, valid-type]
        def planned(self, plan: Plan) -> Plan:
            self.luck = Random(f"{kind.__name__} {setting.seed}")
            drawn: Plan = super().planned(setting)
            return replace(drawn, seed=plan.seed)

    return Twin


def _kept(path: Path) -> Record:
    found: Record = pickle.loads(path.read_bytes())
    return found


def _run(record: Record, form: str, level: str) -> Run:
    with tempfile.TemporaryDirectory() as work:
        return read(FORMATS[form](Path(work) / "run", record, kept(record, level, form)))


def told(missed: Missed, twins: int) -> str:
    """Train ``twins`` sound runs for each fault that was missed, and return the classes of its logs as a table."""
    wrong = missed.wrong()

    @cache
    def beside_it(kind: str, seed: int, form: str, level: str) -> tuple[Run, ...]:
        of = next(one for one in wrong if (one.kind, one.seed) == (kind, seed))
        return tuple(_run(missed.twin(of, number), form, level) for number in range(1, twins + 1))

    everyone = [
        (kind, ceiling.numbers(_run(record, form, level)))
        for kind, record in missed.sound()
        for form, level in missed.logs
    ]
    known = {one: beside_it(one.kind, one.seed, one.form, one.level) for one in wrong}
    numbers = {one: [ceiling.numbers(run) for run in runs] for one, runs in known.items()}
    margins = (
        ceiling.margin(ceiling.without_itself(list(numbers.values()))),
        ceiling.margin(ceiling.without_its_kind(everyone)),
    )
    every = [of for _, of in everyone] + [of for runs in numbers.values() for of in runs]
    lines, count = [], Counter[str]()
    for one, runs in known.items():
        run = _run(missed.record(one), one.form, one.level)
        what, why = ceiling.sort_out(ceiling.numbers(run), numbers[one], every, margins)
        said = beside(run, runs[0]).headline
        count[what] += 1
        count["named by --baseline"] += "which speaks for" in said
        shown = "; ".join(name for _, name in why[:2])
        lines.append(f"| {one.kind} | {one.form}, {one.level} | {what} | {shown} | {said} |")
    pairs = [(a, b) for runs in known.values() for a, b in pairwise(runs)]
    alarms = sum("which speaks for" in beside(a, b).headline for a, b in pairs)
    head = ["", "| missed | log | class | what lies outside | beside a good run |", "|---|---|---|---|---|"]
    sums = ", ".join(f"{what}: {many}" for what, many in sorted(count.items()))
    tail = f"Of {len(wrong)} missed: {sums}. Of {len(pairs)} pairs of sound twins {alarms} are said to part."
    return "\n".join([*head, *lines, "", tail])
