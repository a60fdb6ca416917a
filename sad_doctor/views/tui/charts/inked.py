"""What charts are drawn with: the styles of the theme, mixed once for a background."""

from __future__ import annotations

from abc import abstractmethod

from sad_doctor.views.tui.charts.plot import Ink
from sad_doctor.views.tui.painting.painted_widget import Drawn


class Inked(Drawn):
    """Keeps its styles until the theme, the style sheet or what lies under it changes."""

    _inked: tuple[object, Ink] | None = None

    def ink(self) -> Ink:
        """Return the styles of this widget now."""
        state = self.app.theme, self.rich_style.bgcolor
        if self._inked is None or self._inked[0] != state:
            self._inked = state, self.mixed()
        return self._inked[1]

    @abstractmethod
    def mixed(self) -> Ink:
        """Mix the styles anew, which takes longer than to draw with them."""

    def notify_style_update(self) -> None:
        """Forget the styles, which have changed."""
        self._inked = None
        super().notify_style_update()
