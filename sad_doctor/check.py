"""Judges a run: every rule in turn, then the findings told as stories, cause before consequence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from sad_doctor import names, words
from sad_doctor.causes import EXPLAINS
from sad_doctor.finding import Crashed, Finding, Level, NotChecked, Reading, Report, Story
from sad_doctor.rule import Hint, Rule, Thresholds, TooFew
from sad_doctor.rules import RULES
from sad_doctor.run import Run
from sad_doctor.sanitize import sanitize
from sad_doctor.signals import completed, totalled

LEAST = 3
"""Fewest finite records of a loss by which a log without an evaluation is judged at all."""

_LOSSES = (names.LOSS, names.BAR_LOSS, *names.PREFIXES)

SLACK = 0.15
"""The share of a consequence's range within which its cause may begin: evaluations stand apart, and medians span."""

HINTS = {rule.name: rule.hint for rule in RULES}

_LATER = 10
"""More than there are groups of rules: each sort of hint keeps their order."""

ORDER = ("R1", "R5", "R4", "R2", "R3")
"""Which of two findings of one level comes first, by the group of its rule: what makes the rest of the log worthless
(nothing moves, a crash, broken numbers) before what is out of balance, and that before what is measured wrongly."""


def check(
    run: Run, rules: Iterable[Rule] | None = None, thresholds: Mapping[str, Mapping[str, float]] | None = None
) -> Report:
    """Return the verdict of ``rules``, of all if none are given, on ``run``; the same run always gives the same report.

    ``thresholds`` replace defaults, by code or name of the rule: ``{"R203": {"share": 0.9}}``. A rule that raises is
    reported as crashed and the others go on. Raises ValueError for a rule or a threshold that does not exist, and
    TypeError for what is no run.
    """
    if not isinstance(run, Run):
        raise TypeError(f"check judges a Run, as read(path) returns it, not {type(run).__name__}")
    rules = RULES if rules is None else tuple(rules)
    changed = settings(rules, thresholds or {})
    run = completed(totalled(run))
    findings: list[Finding] = []
    passed: list[str] = []
    not_checked: list[NotChecked] = []
    crashed: list[Crashed] = []
    readings: dict[str, tuple[Reading, ...]] = {}
    for rule in rules:
        if missing := rule.missing(run):
            not_checked.append(NotChecked(rule.code, rule.name, _lacking(missing)))
            continue
        told: list[Finding | Reading] = []
        try:
            with np.errstate(all="ignore"):  # logs hold NaN, infinity and 1e308
                told.extend(rule.check(run, changed[rule.code]))
        except TooFew as reason:
            not_checked.append(NotChecked(rule.code, rule.name, str(reason)))
        except Exception as error:  # a faulty rule must not hide what the others see
            crashed.append(Crashed(rule.code, rule.name, sanitize(f"{type(error).__name__}: {error}", 400)))
        else:
            found = [one for one in told if isinstance(one, Finding)]
            findings += found
            if not found:
                passed.append(rule.code)
        if measured := tuple(one for one in told if isinstance(one, Reading)):
            readings[rule.code] = measured
    if len(rules) > 1 and all(_is_beside(one) for one in findings):
        passed += [one.rule for one in findings]
        findings = []
    if run.unit == "epoch":
        findings = [_in_epochs(finding) for finding in findings]
    unread = run.facts.get(names.UNREAD)
    report = Report(tell(findings), tuple(passed), tuple(not_checked), tuple(crashed), readings)
    report = replace(report, unread=unread) if isinstance(unread, str) else report
    calm = report.judged and (report.worst or Level.INFO) == Level.INFO
    return replace(report, little=_little(run)) if calm else report


def _is_beside(finding: Finding) -> bool:
    return finding.level == Level.INFO and HINTS.get(finding.name) is Hint.BESIDE


def _little(run: Run) -> str:
    """What there is of losses, where that is less than a run can be called healthy by; else empty.

    An evaluation is enough; where the log tells no loss at all, records of anything are.
    """
    losses = {name: c for name, c in run.columns.items() if name.startswith(_LOSSES) or names.maybe_term(name)}
    counts = [int(np.count_nonzero(np.isfinite(c.value))) for c in (losses or run.columns).values()]
    most = max(counts, default=0)
    if not counts or most >= LEAST or any(name.startswith("eval/") for name in run.columns):
        return ""
    return f"{words.counted(most, 'record')}{' of a loss' if losses else ''}, and no evaluation"


def _in_epochs(finding: Finding) -> Finding:
    headline, evidence = words.in_epochs(finding.headline), tuple(map(words.in_epochs, finding.evidence))
    return replace(finding, headline=headline, evidence=evidence, unit="epoch")


def tell(findings: Sequence[Finding], explains: Mapping[str, Sequence[str]] = EXPLAINS) -> tuple[Story, ...]:
    """Group findings into stories: each goes under the first cause that explains it, directly or by way of others.

    A cause explains what begins no earlier than itself. Stories stand by the worst level in them, then by the order of
    their causes: level, :data:`ORDER`, code; the consequences of one stand by that order too.
    """
    ordered = sorted(findings, key=_rank)
    causes = [
        [j for j, cause in enumerate(ordered) if _explains(cause, finding, explains) and i != j]
        for i, finding in enumerate(ordered)
    ]
    under: dict[int, list[Finding]] = {}
    for i, finding in enumerate(ordered):
        root = _root(i, causes)
        under.setdefault(root, [])
        if root != i:
            under[root].append(finding)
    stories = [Story(ordered[i], tuple(consequences)) for i, consequences in under.items()]
    return tuple(sorted(stories, key=_rank_of_story))


def _root(start: int, causes: Sequence[Sequence[int]]) -> int:
    """Walk from a finding to a cause without a cause of its own; a circle ends at its first finding in order."""
    path = [start]
    while ahead := [j for j in causes[path[-1]] if j not in path]:
        path.append(ahead[0])
    circle = min((path.index(j) for j in causes[path[-1]]), default=len(path) - 1)
    return min(path[circle:])


def _explains(cause: Finding, finding: Finding, explains: Mapping[str, Sequence[str]]) -> bool:
    if finding.name not in explains.get(cause.name, ()) or cause.level < min(finding.level, Level.WARNING):
        return False  # a hint is no headline of an alarm
    if cause.first_step is None or finding.first_step is None:
        return True
    last = finding.first_step if finding.last_step is None else finding.last_step
    return cause.first_step <= finding.first_step + SLACK * max(last - finding.first_step, 0.0)


def _rank(finding: Finding) -> tuple[int, int, str, float, str]:
    group = ORDER.index(finding.rule[:2]) if finding.rule[:2] in ORDER else len(ORDER)
    if finding.level == Level.INFO:
        group += _LATER * HINTS.get(finding.name, Hint.CAUSE).value
    first = float("-inf") if finding.first_step is None else finding.first_step
    return -finding.level, group, finding.rule, first, finding.headline


def _rank_of_story(story: Story) -> tuple[int, tuple[int, int, str, float, str]]:
    return -max(finding.level for finding in (story.finding, *story.consequences)), _rank(story.finding)


def _lacking(missing: Sequence[str]) -> str:
    wants = []
    for need in missing:
        ways = need.split("|")
        wants.append(" or ".join(ways if len(ways) < 4 else [*ways[:2], "others like them"]))
    return f"the log has no {', no '.join(wants)}"


def settings(rules: Sequence[Rule], given: Mapping[str, Mapping[str, float]]) -> dict[str, Thresholds]:
    """Return the thresholds of each rule by code, ``given`` ones in place of defaults. Raises ValueError as `check`."""
    known = {key: rule for rule in rules for key in (rule.code, rule.name)}
    merged: dict[str, Thresholds] = {rule.code: rule.thresholds for rule in rules}
    for key, values in given.items():
        if key not in known:
            raise ValueError(f"no red flag {key}; known: {', '.join(sorted(merged))}")
        rule = known[key]
        if unknown := sorted(set(values) - set(rule.thresholds)):
            raise ValueError(f"{key} has no threshold {unknown[0]}; it has: {', '.join(rule.thresholds) or 'none'}")
        merged[rule.code] = {**merged[rule.code], **values}
    return merged
