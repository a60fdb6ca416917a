from __future__ import annotations

from rich.style import Style as Pen
from textual.content import Content

from sad_doctor.views.tui.painting.ink import pen, strip
from sad_doctor.views.tui.theme import DARK


async def test_a_pen_is_a_colour_of_the_theme_without_a_background(make):
    app, _ = make.dashboard(make.sick_run(), make.sick_report())
    async with app.run_test(size=(120, 40)) as pilot:
        await make.settled(pilot)
        told = pen(app.board.loss, "bold $accent")
        assert told == Pen(color=DARK.accent, bold=True)
        app.theme = "textual-light"  # a theme whose muted text is told by its contrast
        await pilot.pause()
        assert pen(app.board.loss, "$text-muted").color is not None
        assert pen(app.board.loss, "$grid").color is not None


async def test_a_line_is_as_wide_as_its_strip(make):
    app, _ = make.dashboard(make.sick_run(), make.sick_report())
    async with app.run_test(size=(120, 40)) as pilot:
        await make.settled(pilot)
        line = Content.styled("ab", "$error") + Content("表c")
        for width in (3, 5, 9):
            made = strip(line, width, app.board.detail.visual_style)
            assert made.cell_length == sum(piece.cell_length for piece in made) == width
        assert made.text == "ab表c    "
