"""The report as one HTML file that needs nothing else: the story first, then charts, then what was not checked.

Nothing from the log is markup: every text is escaped, and the page forbids itself to load or to run anything but its
own script, named by hash.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from html import escape
from importlib.resources import files

from sad_doctor import signals
from sad_doctor.finding import Comparison, Finding, Level, Report
from sad_doctor.run import Run
from sad_doctor.sanitize import sanitize
from sad_doctor.views import beside, metrics, palette
from sad_doctor.views.html_chart import Mark, chart
from sad_doctor.views.plain import line
from sad_doctor.views.series import Series
from sad_doctor.views.text import about, verdict

_COLOURS = {Level.ERROR: "#d55e00", Level.WARNING: "#e69f00", Level.INFO: "#56b4e9"}
_MOST_CHARTS = 24
_CODE = re.compile(r"`([^`]+)`")
_SHARES = "Shares of the loss"


def render(run: Run, report: Report) -> str:
    """Return the whole page, in UTF-8 with its characters as they are."""
    script, style = _own("html_script.js"), _own("html_style.css")
    policy = f"default-src 'none'; style-src 'unsafe-inline'; script-src {_hash(script)}"
    body = "\n".join(_body(run, report))
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{_text(run.name)} · sad doctor</title><style>\n{style}</style></head>\n<body>\n{body}\n"
        f"<script>{script}</script></body></html>\n"
    )


def charts(run: Run, report: Report) -> Iterator[str]:
    """Yield the charts of a run: loss, parts, shares, then every other metric, held-out text first."""
    marks = [
        Mark(f.first_step, _COLOURS[f.level], f"{f.rule} {f.name}") for f in report.findings if f.first_step is not None
    ]
    told: list[tuple[str, Sequence[Series]]] = [("Loss", metrics.loss(run, dark=False))]
    parts, shares = signals.parts(run).terms, signals.shares(run)
    colours = palette.colours([*parts, *shares], dark=False)
    told.append(("Weighted parts", tuple(Series(line(t, 24), c, colours[t]) for t, c in parts.items())))
    told.append((_SHARES, tuple(Series(line(t, 24), c, colours[t]) for t, c in shares.items())))
    told += [(metric.title, metric.series) for metric in metrics.choices(run, dark=False)]
    shown = [(title, [_inked(one) for one in series]) for title, series in told if any(len(s.column) for s in series)]
    # shares sum to 1: on a log scale the smallest would look as large as the largest
    yield from (chart(title, series, marks, title != _SHARES) for title, series in shown[:_MOST_CHARTS])
    if len(shown) > _MOST_CHARTS:
        yield f"<p class=about>{len(shown) - _MOST_CHARTS} more metrics were left out of this page.</p>"


def _inked(series: Series) -> Series:
    """Put a CSS name in place of the colour of plain text, which differs between a light and a dark page."""
    return replace(series, colour="var(--text)") if series.colour == metrics.inks(False)["plain"] else series


def _body(run: Run, report: Report) -> Iterator[str]:
    worst = report.worst or Level.INFO
    kind = worst.name.lower() if worst > Level.INFO else "good" if report.judged else "info"
    yield f'<h1 class="{kind}">{_text(verdict(report))}</h1>'
    yield f"<p class=about>{_text(about(run))}</p>"
    for number, story in enumerate(report.stories):
        told = "" if number == 0 and worst > Level.INFO else story.finding.headline
        yield _finding(story.finding, told, "".join(_finding(one, one.headline) for one in story.consequences))
    yield from (_comparison(one) for one in report.comparisons)
    yield from charts(run, report)
    if report.passed:
        yield f"<p><b>Passed:</b> {_text(', '.join(report.passed))}</p>"
    for title, items in (
        ("Not checked", [(f"{n.rule} {n.name}", n.reason) for n in report.not_checked]),
        ("Rules that crashed, to be reported", [(f"{c.rule} {c.name}", c.error) for c in report.crashed]),
        ("Notes of the reader", [("", note) for note in run.notes]),
    ):
        if items:
            rows = "".join(f"<tr><th>{_text(name)}</th><td>{_text(told)}</td></tr>" for name, told in items)
            yield f"<details><summary>{title}: {len(items)}</summary><table>{rows}</table></details>"


def _finding(finding: Finding, headline: str, consequences: str = "") -> str:
    kind = finding.level.name.lower()
    evidence = "".join(f"<li>{_text(one)}</li>" for one in finding.evidence)
    explains = f"<p><b>and that explains</b></p>{consequences}" if consequences else ""
    return (
        f'<article class="{kind}"><h2>{palette.GLYPHS[finding.level]} {_text(finding.name)} '
        f"<code>{_text(finding.rule)} {kind}</code></h2><p>{_text(headline)}</p><ul>{evidence}</ul>"
        f"<dl><dt>Cause</dt><dd>{_prose(finding.cause)}</dd><dt>Remedy</dt><dd>{_prose(finding.remedy)}</dd></dl>"
        f"{explains}</article>"
    )


def _comparison(comparison: Comparison) -> str:
    told = "".join(f"<li>{_text(one)}</li>" for one in beside.lines(comparison))
    heads = "".join(f"<th>{one}</th>" for one in ("what", "where", "this run", "there", "it lies"))
    rows = "".join(
        f"<tr>{''.join(f'<td>{_text(one)}</td>' for one in (r.what, r.where, r.told, r.wanted, r.lies))}</tr>"
        for r in comparison.rows
    )
    table = (
        f"<details><summary>All points: {len(comparison.rows)}</summary><table><tr>{heads}</tr>{rows}</table></details>"
    )
    return (
        f"<article><h2>{_text(comparison.title)}</h2><p>{_text(comparison.headline)}</p><ul>{told}</ul>"
        f"{table if comparison.rows else ''}</article>"
    )


def _text(told: str) -> str:
    return escape(sanitize(told), quote=True)


def _prose(told: str) -> str:
    """Text of a rule: what stands between backticks is code."""
    pieces = enumerate(_CODE.split(told))
    return "".join(f"<code>{_text(piece)}</code>" if number % 2 else _text(piece) for number, piece in pieces)


def _own(name: str) -> str:
    return files("sad_doctor.views").joinpath(name).read_text(encoding="utf-8")


def _hash(script: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
