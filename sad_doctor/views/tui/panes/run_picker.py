"""Which run to look at: the runs of a folder, newest first; several can be compared."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ClassVar

from textual import events, on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.screen import ModalScreen
from textual.worker import get_current_worker

from sad_doctor.views import numerals
from sad_doctor.views.plain import line
from sad_doctor.views.tui.pages.prose import Page, Paragraph
from sad_doctor.views.tui.painting.styled import styled
from sad_doctor.views.tui.panes.list_pane import ListPane
from sad_doctor.views.tui.runs.tempo import last_written

Peek = Callable[[Path], tuple[Content, Content]]
"""Reads a run and tells how it fares and what it is; may raise anything."""
_WIDEST = 40
"""Cells of a name, or of what a run is, that push what follows to the right."""


_SIGN = 3
"""Cells at the left of a row in which a click marks it: the sign and what is beside it."""


class _Runs(ListPane):
    """The rows; a click on the sign of one marks it."""

    class Marked(Message):
        """The highlighted row is to be marked, or no longer."""

    def on_click(self, event: events.Click) -> None:
        """Mark the row whose sign is clicked, instead of what a click does elsewhere."""
        row, offset = self.row_under(event), event.get_content_offset(self)
        if row is not None and offset is not None and offset.x < _SIGN:
            event.prevent_default()
            self.highlighted = row
            self.post_message(self.Marked())


class Picker(ModalScreen[list[Path]]):
    """Gives the paths that were picked: the marked ones, else the highlighted one; none where it was left.

    ``peek`` is asked about each run in a thread, the newest first, while one chooses.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Back"),
        Binding("q", "app.quit", "Quit"),
        Binding("space", "mark", "Mark"),
    ]

    def __init__(self, paths: Sequence[Path], now: Callable[[], float] = time.time, peek: Peek | None = None) -> None:
        super().__init__()
        written = {path: last_written(path) or 0.0 for path in paths}
        self.paths = sorted(paths, key=lambda path: -written[path])
        self._written, self._now, self._peek = written, now, peek
        self._scattered = len({path.parent for path in paths}) > 1
        self._told: dict[Path, tuple[Content, Content]] = {}
        self.marked: list[Path] = []
        self.list = _Runs()
        self.list.add_class("pane", update=False)
        self.list.border_title = Content(f"{len(self.paths)} runs")
        self.list.border_subtitle = Content("⏎ open  space or a click on ○ marks to compare  esc back")

    def compose(self) -> ComposeResult:
        """Yield the list."""
        yield self.list

    def on_mount(self) -> None:
        """Fill the list."""
        self._fill(0)
        self.list.focus()
        if self._peek is not None:
            self._look(self._peek)

    @work(thread=True)
    def _look(self, peek: Peek) -> None:
        worker = get_current_worker()
        for path in self.paths:
            if worker.is_cancelled:
                return
            try:
                told = peek(path)
            except Exception as error:
                told = Content(""), styled(f"cannot be read: {error}", "$warning")
            if not worker.is_cancelled:
                self.app.call_from_thread(self._tell, path, told)

    def _tell(self, path: Path, told: tuple[Content, Content]) -> None:
        self._told[path] = told
        if self.is_mounted:
            self._fill(self.list.highlighted)

    @on(_Runs.Marked)
    def _clicked(self) -> None:
        at = self.list.highlighted
        self.action_mark()
        self.list.highlighted = at

    def action_mark(self) -> None:
        """Mark the highlighted run for a comparison, or take the mark away."""
        at = self.list.highlighted
        if at is not None:
            path = self.paths[at]
            self.marked = [p for p in self.marked if p != path] if path in self.marked else [*self.marked, path]
            self._fill(at + 1)

    def action_leave(self) -> None:
        """Go back without a choice."""
        self.dismiss([])

    @on(ListPane.Picked)
    def _opened(self, event: ListPane.Picked) -> None:
        event.stop()
        if (at := self.list.highlighted) is not None:
            self.dismiss(self.marked or [self.paths[at]])

    def _fill(self, at: int | None) -> None:
        self.list.fill([self._page(path) for path in self.paths], at)

    def _page(self, path: Path) -> Page:
        marked = path in self.marked
        sign = Content.styled("◉ " if marked else "○ ", "$accent" if marked else "$text-muted")
        age = self._now() - self._written[path]
        written = f"written {numerals.age(age)} ago" if self._written[path] else ""
        parent = line(path.parent.name, 40) if self._scattered else ""
        verdict, facts = self._told.get(path, (Content(""), Content("")))
        where = [Content.styled(one, "$text-muted") for one in (written, f"in {parent}/" if parent else "") if one]
        room = min(max(len(line(one.name, 80)) for one in self.paths), _WIDEST)
        name = styled(line(path.name, 80), "bold $foreground")
        name = name.pad_right(max(room - name.cell_length, 0)) + Content("   ") + verdict
        told = max((one.cell_length for _, one in self._told.values() if one.cell_length <= _WIDEST), default=0)
        facts = facts.pad_right(max(told - facts.cell_length, 0)) if facts else facts
        below = Content("   ").join([*([facts] if facts else []), *where])
        return [Paragraph(name, sign, 1), Paragraph(below, Content("  "), 1)]
