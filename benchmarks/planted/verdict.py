"""What the doctor said of a log against what was planted, and the table of both."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from planted.columns import Rows, has, kept, trace
from planted.record import Record
from planted.training import Training
from sad_doctor import Report, check, read
from sad_doctor.finding import Level

NOTHING = "(nothing)"


@dataclass(frozen=True)
class Verdict:
    """One log: what was planted, what may be named first, what was named first, at which worst level."""

    kind: str
    sick: bool
    seed: int
    form: str
    level: str
    expected: tuple[str, ...]
    said: str = NOTHING
    worst: int = 0
    why_not: str = ""
    """Why the log cannot be held against the doctor: ``invisible`` in its columns, or ``no effect`` in this run."""

    @property
    def right(self) -> bool:
        return self.said in self.expected

    @property
    def alarmed(self) -> bool:
        return self.worst >= Level.WARNING

    @property
    def wrong(self) -> bool:
        return not self.why_not and not self.right if self.sick else self.alarmed


def judged(
    kind: type[Training],
    record: Record,
    seed: int,
    form: str,
    level: str,
    write: Callable[[Path, Record, Rows], Path],
    path: Path,
) -> tuple[Verdict, Report | None, Path]:
    """Decide what a log can show, write it, ask the doctor."""
    rows = kept(record, level, form)
    expected: tuple[str, ...] = ()
    why_not = ""
    if kind.sick:
        seen = trace(kind.traces, has(record, rows, form), record)
        expected = seen.causes if seen else ()
        why_not = "" if seen else "invisible"
        if seen and not kind.took(record):
            why_not = "no effect"
    log = write(path, record, rows)
    report = check(read(log))
    first = report.stories[0].finding.name if report.stories else NOTHING
    verdict = Verdict(kind.__name__, kind.sick, seed, form, level, expected, first, int(report.worst or 0), why_not)
    return verdict, report, log


def show(verdicts: Iterable[Verdict]) -> str:
    """Return the confusion matrix in Markdown, and the two figures."""
    groups: dict[str, list[Verdict]] = defaultdict(list)
    for verdict in verdicts:
        groups[verdict.kind].append(verdict)
    lines = [
        "| planted | logs | right | at least a warning | other first causes | not to be seen |",
        "|---|---|---|---|---|---|",
    ]
    sick = {kind: found for kind, found in groups.items() if found[0].sick}
    counted: list[Verdict] = []
    for kind, found in sick.items():
        seen = [v for v in found if not v.why_not]
        counted += seen
        others = Counter(v.said for v in seen if not v.right)
        unseen = Counter(v.why_not for v in found if v.why_not)
        row = (kind, len(seen), _of(sum(v.right for v in seen), len(seen)), sum(v.alarmed for v in seen))
        lines.append(f"| {' | '.join(map(str, row))} | {_list(others)} | {_list(unseen)} |")
    lines += ["", "| healthy | logs | warning or worse | first said of those | hints |", "|---|---|---|---|---|"]
    healthy: list[Verdict] = []
    for kind, found in groups.items():
        if found[0].sick:
            continue
        healthy += found
        alarms = Counter(v.said for v in found if v.alarmed)
        hints = Counter(v.said for v in found if v.worst == Level.INFO)
        lines.append(f"| {kind} | {len(found)} | {sum(alarms.values())} | {_list(alarms)} | {_list(hints)} |")
    right, alarmed = sum(v.right for v in counted), sum(v.alarmed for v in healthy)
    runs = {(v.kind, v.seed) for v in healthy}
    ill = {(v.kind, v.seed) for v in healthy if v.alarmed}
    lines += [
        "",
        f"Right first cause among the sick logs that can show it: {right} of {len(counted)}, {_of(right, len(counted))}"
        f" (with a warning or worse: {sum(v.right and v.alarmed for v in counted)});"
        f" mean of the kinds {_mean(sick.values())}.",
        f"Warning or worse among the healthy logs: {alarmed} of {len(healthy)}, {_of(alarmed, len(healthy))};"
        f" runs with any: {len(ill)} of {len(runs)}.",
        f"Sick logs that cannot show it: {sum(bool(v.why_not) for f in sick.values() for v in f)}.",
    ]
    return "\n".join(lines)


def _of(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f}%" if whole else "-"


def _mean(groups: Iterable[list[Verdict]]) -> str:
    rates = [[v.right for v in found if not v.why_not] for found in groups]
    shares = [sum(rate) / len(rate) for rate in rates if rate]
    return f"{100 * sum(shares) / len(shares):.1f}%" if shares else "-"


def _list(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.most_common())
