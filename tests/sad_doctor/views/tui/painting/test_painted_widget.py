"""Rows that are painted by the widget itself look as Textual would paint them."""

from __future__ import annotations

import pytest
from rich.segment import Segment
from rich.style import Style
from textual.app import App, ComposeResult
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from sad_doctor.views.tui.painting.painted_widget import Painted


class Rows(Painted):
    """Paints its row numbers in colours of three kinds."""

    rounds = 0

    def render_line(self, y):
        width = self.size.width
        style = (Style(color="#ff0000"), Style(color="red", dim=True), Style(bgcolor="#102030"))[(y + self.rounds) % 3]
        text = f"{y} {self.rounds}".ljust(width)[:width]
        return Strip([Segment(text[:2], style), Segment(text[2:], Style.null())], width)


class Shown(App[None]):
    CSS = """
    Rows { border: round red; padding: 1 2; height: 12; width: 30; background: $panel; }
    Rows:focus { border: heavy green; }
    """

    def compose(self) -> ComposeResult:
        self.rows = Rows()
        self.rows.can_focus = True
        self.rows.border_title = "Title"
        yield self.rows


def textuals(rows, crop):
    """What Textual's own way gives, from an empty cache."""
    rows._styles_cache.clear()
    return Widget.render_lines(rows, crop)


def cells(strips):
    """Character and style of each cell: how they are cut into segments does not count."""
    return [[(c, s.style or Style.null()) for s in strip for c in s.text] for strip in strips]


@pytest.mark.parametrize("crop", [Region(0, 0, 30, 12), Region(0, 3, 30, 5), Region(4, 0, 9, 12), Region(0, 5, 30, 1)])
@pytest.mark.parametrize("bare", [False, True])
async def test_it_paints_what_textual_paints(crop, bare, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1") if bare else monkeypatch.delenv("NO_COLOR", raising=False)
    app = Shown()
    async with app.run_test(size=(40, 20)) as pilot:
        for change in (
            lambda: None,
            lambda: app.set_focus(None),  # Textual gives it to the first that can have it
            lambda: app.set_focus(app.rows),
            lambda: setattr(app.rows, "border_subtitle", "another"),
            lambda: setattr(app, "theme", "textual-light"),
        ):
            change()
            await pilot.pause()
            assert cells(app.rows.render_lines(crop)) == cells(textuals(app.rows, crop))


async def test_only_rows_that_changed_are_made_anew():
    app = Shown()
    async with app.run_test(size=(40, 20)):
        strips, whole = {}, Region(0, 0, 30, 12)
        app.rows.render_line = lambda y: strips.setdefault(y, Rows.render_line(app.rows, y))
        first = app.rows.render_lines(whole)
        del strips[3]
        app.rows.rounds = 1
        app.rows.refresh()
        again = app.rows.render_lines(whole)

        assert [y for y in range(2, 10) if again[y] is not first[y]] == [5]
        assert cells([again[5]]) != cells([first[5]])


async def test_the_focus_moves_from_chart_to_chart_and_their_frames_alone_are_written(make, monkeypatch):
    app, _ = make.dashboard(make.healthy_run(), make.healthy_report())
    async with app.run_test(size=(220, 60)) as pilot:
        await make.settled(pilot)
        await pilot.press("1", "tab", "shift+tab")
        await pilot.pause()
        written, filtered = [], []
        monkeypatch.setattr(app, "_display", lambda _, update: written.extend(getattr(update, "spans", ())))
        for chart in (app.board.loss, app.board.metric):
            monkeypatch.setattr(
                chart, "_filtered", lambda *told, old=chart._filtered: (filtered.append(told), old(*told))[1]
            )
        await pilot.press("tab")
        await pilot.pause()
        assert app.board.metric.has_focus
        frames = sum(2 * sum(chart.region.size) for chart in (app.board.loss, app.board.metric))
        assert 0 < sum(end - begin for _, begin, end in written) <= frames + 440  # the clock of the head may tick
        assert not filtered  # what each looks like with and without the focus is known
