"""A list beside the page of its highlighted row: the rules, the runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from textual import on
from textual.app import ComposeResult
from textual.containers import Container
from textual.content import Content
from textual.message import Message

from sad_doctor.views.tui.pages.prose import KeyedPage, Page
from sad_doctor.views.tui.panes.list_pane import ListPane
from sad_doctor.views.tui.panes.pane import Pane


class Browser(Container):
    """Shows rows; the highlighted one stays while they change. ``named`` gives the title of the page of a key."""

    class Opened(Message):
        """Enter was pressed on a row."""

        def __init__(self, browser: Browser, key: str) -> None:
            super().__init__()
            self.browser, self.key = browser, key

    def __init__(self, title: str, hint: str, named: Callable[[str], str] = str, *, id: str) -> None:
        super().__init__(id=id, classes="browser")
        self.list = ListPane(id=f"{id}-list")
        self.list.add_class("pane", update=False)
        self.page = Pane("Page", id=f"{id}-page")
        self.page.add_class("pane", update=False)
        self.list.border_title, self.list.border_subtitle = Content(title), Content(hint)
        self.rows: Sequence[KeyedPage] = ()
        self._named = named
        self._page_of: Callable[[str], Page] = lambda _: ()

    def compose(self) -> ComposeResult:
        """Yield list and page."""
        yield self.list
        yield self.page

    @property
    def key(self) -> str | None:
        """The key of the highlighted row."""
        at = self.list.highlighted
        return self.rows[at][0] if at is not None and at < len(self.rows) else None

    def show(self, rows: Sequence[KeyedPage], page_of: Callable[[str], Page]) -> None:
        """Show other rows; ``page_of`` gives the page of a key."""
        self._page_of = page_of
        if list(rows) != list(self.rows):
            self._fill(rows)
        self._turn()

    def _fill(self, rows: Sequence[KeyedPage]) -> None:
        before = self.key
        self.rows = rows
        self.list.fill([page for _, page in rows], next((i for i, (k, _) in enumerate(rows) if k == before), 0))

    def _turn(self) -> None:
        if self.key is not None and (title := Content(self._named(self.key))) != self.page.border_title:
            self.page.border_title = title
        self.page.show(list(self._page_of(self.key)) if self.key is not None else [])

    @on(ListPane.Moved)
    def _moved(self, event: ListPane.Moved) -> None:
        event.stop()
        self._turn()

    @on(ListPane.Picked)
    def _picked(self, event: ListPane.Picked) -> None:
        event.stop()
        if self.key is not None:
            self.post_message(self.Opened(self, self.key))
