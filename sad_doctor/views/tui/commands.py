"""The commands of the palette."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from textual.app import SystemCommand

from sad_doctor.views import metrics
from sad_doctor.views.tui.panes.tabs import TABS

if TYPE_CHECKING:
    from sad_doctor.views.tui.app import DoctorApp


def commands(app: DoctorApp) -> Iterator[SystemCommand]:
    """Yield each command with what it does."""
    yield SystemCommand("Pause or go on", "space  ·  Stop following the log, or go on", app.action_pause)
    yield SystemCommand("Filter", "/  ·  Show only findings, terms and lines that hold some words", app.action_filter)
    yield SystemCommand("Scale", "l  ·  Linear or logarithmic value axis", app.board.toggle_log)
    yield SystemCommand(
        "Smooth", "s  ·  Smooth the lines by 0.5, 1.5 or 4% of the steps in view, or not", app.action_smooth
    )
    yield SystemCommand("Closer", "+  ·  Half as many steps", lambda: app.action_window(0.5))
    yield SystemCommand("Farther", "-  ·  Twice as many steps", lambda: app.action_window(2.0))
    yield SystemCommand("All steps", "0  ·  The whole run", app.action_all_steps)
    yield SystemCommand("Jump", "g  ·  The steps of the highlighted finding", app.action_jump)
    yield SystemCommand("Copy the finding", "y  ·  As text, into the clipboard", app.action_copy)
    yield SystemCommand("Next metric", "m  ·  Another metric in the second chart", lambda: app.action_metric(1))
    for metric in metrics.choices(app.snapshot.run, app.current_theme.dark) if app.snapshot is not None else ():
        yield SystemCommand(f"Show {metric.title}", "In the second chart", partial(app.show_metric, metric.title))
    yield SystemCommand("Zoom", "z  ·  Let the pane fill the screen, and back", app.action_zoom)
    for number, name in enumerate(TABS, 1):
        if number < len(TABS) or app.tabs.several:
            yield SystemCommand(f"Go to {name}", f"{number}  ·  The tab", lambda n=number: app.action_tab(n))
    yield SystemCommand("Choose runs", "r  ·  The runs of the folder, or those that are open", app.action_runs)
    yield SystemCommand("Picture", "e  ·  Save this screen as SVG", lambda: app.call_after_refresh(app.action_export))
    yield SystemCommand("Page", "E  ·  Save the report with its charts as one HTML page", app.action_export_page)
    yield SystemCommand("Dark theme", "Light on dark", lambda: setattr(app, "theme", "doctor-dark"))
    yield SystemCommand("Light theme", "Dark on light", lambda: setattr(app, "theme", "doctor-light"))
    yield SystemCommand("Theme", "Choose from all themes", app.action_change_theme)
    yield SystemCommand("Help", "?  ·  Keys and signs", app.action_help)
    yield SystemCommand("Quit", "q  ·  Leave the dashboard", app.action_quit)
