"""How judged code looks: a table on a terminal, plain lines elsewhere."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from sad.judge.report import Line, Report
from sad.verdict import Standing

STYLE = {
    Standing.HOLDS: "green",
    Standing.BROKEN: "bold red",
    Standing.ALLOWED: "yellow",
    Standing.NOT_APPLICABLE: "dim",
}
NAME, STAND = 26, 14


class View:
    """Shows each line as soon as it is judged, then what was assumed and how it ends."""

    def __init__(self, console: Console) -> None:
        self._console = console
        try:
            "✓✗".encode(console.encoding)
            self._marks = "✗✓"
        except (UnicodeEncodeError, LookupError):
            self._marks = "-+"

    def line(self, line: Line) -> None:
        """Show one judged property."""
        rows = [(line.name, line.standing.value, line.says)]
        if line.standing is Standing.BROKEN:
            rows += [("", "", f"shown by: {line.example}")] if line.example else []
            rows += [("", "", f"again: {line.replay}")] if line.replay else []
        for name, standing, says in rows:
            if not self._console.is_terminal:
                print(f"{standing:{STAND}}  {name:{NAME}}  {says}", file=self._console.file, flush=True)
                continue
            grid = Table.grid(padding=(0, 2, 0, 0), expand=True)
            grid.add_column(width=NAME)
            grid.add_column(width=STAND)
            grid.add_column(ratio=1)
            style = STYLE[line.standing]
            grid.add_row(Text(name, "bold"), Text(standing, style), Text(says, style if not name else ""))
            self._console.print(grid)

    def end(self, report: Report) -> None:
        """Show how it was called, what it printed, and the verdict."""
        for assumed in report.assumed:
            self._plain(f"assumed: {assumed}", "dim")
        if report.printed.strip() and (report.broken or report.unjudged):
            told = report.printed.rstrip().splitlines()
            # below a warning stands the indented line that gave it
            last = next((one for one in reversed(told) if not one.startswith(" ")), told[-1])
            self._plain(f"it printed: {last}", "dim")
        good = report.code == 0
        mark = self._marks[good]
        if report.unjudged:
            return
        what = f": {report.what}" if report.what else ""
        self._plain(
            f"{mark} {report.name}{what}; {report.summary}; {report.seconds:.1f} s",
            "bold green" if good else "bold red",
        )

    def _plain(self, text: str, style: str) -> None:
        if self._console.is_terminal:
            self._console.print(Text(text, style))
        else:
            print(text, file=self._console.file, flush=True)
