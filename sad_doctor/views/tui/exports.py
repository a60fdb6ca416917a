"""What leaves the dashboard: a picture of the screen, a page of the report, the text of a finding."""

from __future__ import annotations

import re
import time
from pathlib import Path

from textual.app import App

from sad_doctor.finding import Finding
from sad_doctor.views.plain import line
from sad_doctor.views.tui.painting.svg import svg_of
from sad_doctor.views.tui.runs.snapshot import Snapshot


def file_name(run: str, now: float, suffix: str = "svg") -> str:
    """Return a name for a file about a run, of harmless characters only; ``now`` is the Unix time."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", run).strip("-.")[:60] or "run"
    return f"sad-doctor-{name}-{time.strftime('%Y%m%d-%H%M%S', time.localtime(now))}.{suffix}"


def save_screen(app: App[None], name: str, now: float) -> Path:
    """Write the screen as SVG into the working folder; returns where. Raises OSError."""
    path = Path.cwd() / file_name(name, now)
    path.write_text(svg_of(app, line(f"sad doctor {name}")), encoding="utf-8")
    return path


def save_page(snapshot: Snapshot, now: float) -> Path:
    """Write the report with its charts as one HTML page into the working folder; returns where. Raises OSError."""
    from sad_doctor.views.html import render

    path = Path.cwd() / file_name(snapshot.run.name, now, "html")
    path.write_text(render(snapshot.run, snapshot.report), encoding="utf-8")
    return path


def finding_text(finding: Finding) -> str:
    """Return a finding as plain text, to be pasted into a message."""
    rows = [f"{finding.level.name} {finding.rule} {finding.name}: {line(finding.headline)}"]
    rows += [f"- {line(one)}" for one in finding.evidence]
    rows += [f"Likely cause: {line(finding.cause)}"] if finding.cause.strip() else []
    rows += [f"What to do: {line(finding.remedy)}"] if finding.remedy.strip() else []
    return "\n".join(line(row) for row in rows) + "\n"
