"""Writes what the doctor says of the failed runs' logs: the tables of docs/failed-runs.md, and a page for each log.

python benchmarks/failed_runs.py            # writes them
python benchmarks/failed_runs.py --check    # says which are stale, and exits with 1 if one is
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from sad_doctor import check, read
from sad_doctor.finding import Finding, Level, Report
from sad_doctor.run import Run
from sad_doctor.views import html
from sad_doctor.views.markdown import escape

ROOT = Path(__file__).resolve().parents[1]
LOGS = ("run1", "run2", "run3", "run4", "postmortem", "crash_168_160")
PAGE = "failed-runs.md"
FOLDER = "failed-runs"
HEAD = "| red flag | what the log shows |\n|---|---|"

_TABLE = re.compile(r"(<!-- doctor (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def judged(log: str) -> tuple[Run, Report]:
    """Return a log of the fixtures, and what the doctor says of it."""
    run = read(ROOT / "fixtures/runs" / f"{log}.log")
    return run, check(run)


def table(report: Report) -> str:
    """Return the stories of a report in Markdown, cause first; hints are left out."""
    return "\n".join([HEAD, *_rows(report)]) + "\n"


def _rows(report: Report) -> Iterator[str]:
    for story in report.stories:
        if story.finding.level > Level.INFO:
            yield _row(f"**{_name(story.finding)}**", story.finding)
            yield from (_row(f"explains {_name(one)}", one) for one in story.consequences)


def _name(finding: Finding) -> str:
    return f"{finding.rule} {finding.name}"


def _row(name: str, finding: Finding) -> str:
    return f"| {name} | {escape(finding.headline)} |"


def fresh(page: str) -> dict[str, str]:
    """Return what each file in docs/ should hold; ``page`` is the one with the tables, whose text is kept."""
    of = {log: judged(log) for log in LOGS}
    if missing := set(LOGS) - {found[1] for found in _TABLE.findall(page)}:
        raise SystemExit(f"docs/{PAGE} has no table of {', '.join(sorted(missing))}")
    told = _TABLE.sub(lambda found: found[1] + table(of[found[2]][1]) + found[3], page)
    return {PAGE: told} | {f"{FOLDER}/{log}.html": html.render(*found) for log, found in of.items()}


def stale(docs: Path) -> dict[str, str]:
    """Return the files in ``docs`` that do not hold what they should, with what that is."""
    wanted = fresh((docs / PAGE).read_text(encoding="utf-8"))
    return {name: text for name, text in wanted.items() if not _is(docs / name, text)}


def _is(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text(encoding="utf-8") == text


def main(arguments: list[str]) -> int:
    if arguments not in ([], ["--check"]):
        sys.stderr.write(f"{__doc__}")
        return 2
    docs = ROOT / "docs"
    (docs / FOLDER).mkdir(exist_ok=True)
    found = stale(docs)
    for name, text in found.items():
        if arguments:
            sys.stdout.write(f"docs/{name} is stale; write it with: python benchmarks/failed_runs.py\n")
        else:
            (docs / name).write_text(text, encoding="utf-8", newline="\n")
            sys.stdout.write(f"docs/{name}\n")
    return int(bool(found and arguments))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
