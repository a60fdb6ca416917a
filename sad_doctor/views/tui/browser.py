"""A list beside the page of its highlighted row: the rules, the runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Container
from textual.content import Content
from textual.message import Message
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from sad_doctor.views.tui.lists import LIST_KEYS
from sad_doctor.views.tui.prose import Page, Pane, lay_out

Row = tuple[str, Page]
"""Key and content of a row."""


class _Rows(OptionList):
    BINDINGS = LIST_KEYS


class Browser(Container):
    """Shows rows; the highlighted one stays while they change."""

    class Opened(Message):
        """Enter was pressed on a row."""

        def __init__(self, browser: Browser, key: str) -> None:
            super().__init__()
            self.browser, self.key = browser, key

    def __init__(self, title: str, hint: str, *, id: str) -> None:
        super().__init__(id=id, classes="browser")
        self.list = _Rows(id=f"{id}-list", markup=False, classes="pane")
        self.page = Pane("Page", id=f"{id}-page")
        self.page.add_class("pane")
        self.list.border_title, self.list.border_subtitle = Content(title), Content(hint)
        self.rows: Sequence[Row] = ()
        self._page_of: Callable[[str], Page] = lambda _: ()
        self._width = 0

    def compose(self) -> ComposeResult:
        """Yield list and page."""
        yield self.list
        yield self.page

    @property
    def key(self) -> str | None:
        """The key of the highlighted row."""
        at = self.list.highlighted
        return self.rows[at][0] if at is not None and at < len(self.rows) else None

    def show(self, rows: Sequence[Row], page_of: Callable[[str], Page]) -> None:
        """Show other rows; ``page_of`` gives the page of a key."""
        self._page_of = page_of
        if list(rows) != list(self.rows):
            self._fill(rows)
        self._turn()

    def on_resize(self, _: events.Resize) -> None:
        """Wrap the rows anew, if there is another width to wrap them to."""
        self.call_after_refresh(self._fit)

    def _fit(self) -> None:
        if self.list.scrollable_content_region.width - 2 != self._width:
            self._fill(self.rows)

    def _fill(self, rows: Sequence[Row]) -> None:
        before, top = self.key, self.list.scroll_y
        self.rows = rows
        width = self._width = self.list.scrollable_content_region.width - 2
        with self.prevent(OptionList.OptionHighlighted):
            self.list.set_options(
                Option(Content("\n").join(lay_out(page, width if width > 4 else 76)), id=key) for key, page in rows
            )
            self.list.highlighted = next((i for i, (k, _) in enumerate(rows) if k == before), 0 if rows else None)
        self.list.scroll_to(y=top, animate=False)

    def _turn(self) -> None:
        self.page.show(list(self._page_of(self.key)) if self.key is not None else [])

    @on(OptionList.OptionHighlighted)
    def _highlighted(self, event: OptionList.OptionHighlighted) -> None:
        event.stop()
        self._turn()

    @on(OptionList.OptionSelected)
    def _selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        if self.key is not None:
            self.post_message(self.Opened(self, self.key))
