"""The list of findings: causes first, what they explain folded under them."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message

from sad_doctor.finding import Finding, Report, Story
from sad_doctor.run import Run
from sad_doctor.views.tui.pages import finding_rows
from sad_doctor.views.tui.pages.counts import counts
from sad_doctor.views.tui.panes.list_pane import ListPane
from sad_doctor.views.tui.runs.snapshot import Snapshot


class FindingList(ListPane):
    """Shows the rows of a report; the highlighted row stays highlighted while the run grows."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("right", "fold(False)", "Unfold", show=False),
        Binding("left,h", "fold(True)", "Fold", show=False),
    ]

    class Chosen(Message):
        """Another row is highlighted."""

        def __init__(self, row: finding_rows.Row) -> None:
            super().__init__()
            self.row = row

    class Opened(Message):
        """Enter was pressed on a row."""

        def __init__(self, row: finding_rows.Row) -> None:
            super().__init__()
            self.row = row

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.rows: list[finding_rows.Row] = []
        self.wanted = ""
        self.held = False  # until somebody has chosen a row, the first cause is the one, whatever comes
        self._unfolded: frozenset[str] = frozenset()
        self._given: tuple[Report, Run] | None = None
        self.border_title = Content("Findings")

    @property
    def row(self) -> finding_rows.Row | None:
        """The highlighted row."""
        at = self.highlighted
        return self.rows[at] if at is not None and at < len(self.rows) else None

    def show(self, snapshot: Snapshot) -> None:
        """Show another report."""
        self._given = (snapshot.report, snapshot.run)
        self._rebuild()

    def filter(self, wanted: str) -> None:
        """Show only findings that hold every word of ``wanted``."""
        if wanted != self.wanted:
            self.wanted = wanted
            self._rebuild()

    def story_of(self, finding: Finding) -> Story | None:
        """Return the story that a finding belongs to."""
        stories = self._given[0].stories if self._given else ()
        return next((s for s in stories if finding is s.finding or any(finding is c for c in s.consequences)), None)

    def action_fold(self, fold: bool) -> None:
        """Fold or unfold the consequences under the highlighted cause; on a consequence, go to its cause."""
        row = self.row
        if row is None:
            return
        if fold and row.parent:
            self.highlighted = next((i for i, r in enumerate(self.rows) if r.key == row.parent), self.highlighted)
            return
        self._unfolded = self._unfolded - {row.key} if fold else self._unfolded | {row.key}
        self._rebuild()

    def on_list_pane_moved(self, event: ListPane.Moved) -> None:
        """Tell which row is meant."""
        event.stop()
        self.held = True
        self._hint()
        if self.row is not None:
            self.post_message(self.Chosen(self.row))

    def on_list_pane_picked(self, event: ListPane.Picked) -> None:
        """Open the row."""
        event.stop()
        self.held = True
        if self.row is not None:
            self.post_message(self.Opened(self.row))

    def _rebuild(self) -> None:
        if self._given is None:
            return
        report, run = self._given
        before = self.row.key if self.row and self.held else None
        new = finding_rows.rows(report, run, self._unfolded, self.wanted)
        self.border_title = self._title(report)
        same = [(r.key, r.page) for r in new] == [(r.key, r.page) for r in self.rows]
        self.rows = new
        if not same:
            self.fill([row.page for row in new], next((i for i, r in enumerate(new) if r.key == before), 0))
        self._hint()
        if self.row is not None:
            self.post_message(self.Chosen(self.row))

    def _hint(self) -> None:
        """Name the keys that do something on the highlighted row."""
        row = self.row
        told = ["⏎ page"] if row else []
        if row is not None and row.finding is not None:
            told += ["g jump"] * (row.finding.first_step is not None) + ["y copy"]
            open_ = bool(row.parent) or any(one.parent == row.key for one in self.rows)
            told += ["→ unfold"] if row.folded else ["← fold"] * open_
        self.border_subtitle = Content("  ".join(told)) if told else None

    def _title(self, report: Report) -> Content:
        parts = counts(report)
        if self.wanted:
            parts.append(Content.styled("filtered", "$warning"))
        return Content("  ").join([Content("Findings"), *parts])
