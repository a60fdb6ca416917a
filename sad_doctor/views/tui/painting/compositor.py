"""Paints what has changed on the screen and no more: of widgets, of rows, and of the cells of a row."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console
from textual._compositor import ChopsUpdate, Compositor, CompositorMap, ReflowResult
from textual.geometry import Region, Size
from textual.strip import Strip
from textual.widget import Widget


class Sparing(Compositor):
    """Asks only those widgets for rows that lie in a region that has changed, and only the one on top of a region.

    Textual asks every widget that lies in the smallest rectangle about all of them, for all of its rows: with a line at
    the top and one at the bottom this is the whole screen; and it asks those that lie under another too.
    """

    _wanted: tuple[Region, ...] = ()

    @property
    def full_map(self) -> CompositorMap:
        """Where every widget lies. What has moved since the last look is to be painted.

        Textual finds what a layout has moved by comparing it with this map. If somebody looks between a key that hides
        a widget and the layout, both are the same: the widget would stay on the terminal.
        """
        before = self._full_map
        now = super().full_map
        if now is not before:
            self._dirty_regions |= _moved(before, now, self.size)
        return now

    def reflow(self, parent: Widget, size: Size) -> ReflowResult:
        """Lay out the widgets, and mark what has come, gone or moved.

        Where something comes above the others, all of them take another place in the order from back to front: Textual
        paints the whole screen for it. None of them looks any different but for what came, which is marked itself.
        """
        before, dirty = self._full_map, self._dirty_regions
        self._dirty_regions = {size.region}  # with it Textual marks nothing more
        try:
            found = super().reflow(parent, size)
        finally:
            self._dirty_regions = dirty
        self._dirty_regions |= _moved(before, self._full_map, size)
        return found

    def render_partial_update(self) -> ChopsUpdate | None:
        """Return what has to be written; None where nothing has changed."""
        screen = self.size.region
        self._wanted = tuple(part for one in self._dirty_regions if (part := one.intersection(screen)))
        try:
            update = super().render_partial_update()
        finally:
            self._wanted = ()
        return None if update is None else Cropped(update.chops, update.spans, update.chop_ends)

    def _get_renders(self, crop: Region | None = None) -> Iterable[tuple[Region, Region, list[Strip]]]:
        if not self._wanted:
            yield from super()._get_renders(crop)
            return
        bare = list(self._wanted)
        for widget, (region, clip) in self.visible_widgets.items():  # from the front to the back; each fills its cells
            seen = region.intersection(clip)
            near = [one for one in bare if one.overlaps(seen)]
            if near:
                top = max(min(one.y for one in near), seen.y)
                bottom = min(max(one.bottom for one in near), seen.bottom)
                part = Region(seen.x, top, seen.width, bottom - top)
                yield part, part, widget.render_lines(part.translate(-region.offset))
                bare = [one for one in bare if not seen.contains_region(one)]


def _moved(before: CompositorMap, now: CompositorMap, size: Size) -> set[Region]:
    """Return where widgets were or are that have come, gone or moved, whatever place they have in the order."""
    screen = size.region
    found = set()
    for widget in before.keys() | now.keys():
        was, is_ = before.get(widget), now.get(widget)
        if was is None or is_ is None or was._replace(order=is_.order) != is_:
            for one in (was, is_):
                if one is not None and (part := one.clip.intersection(one.region).intersection(screen)):
                    found.add(part)
    return found


class Cropped(ChopsUpdate):
    """Writes the cells of its spans.

    Textual writes a row from the left edge of the widget on: to move a cursor, half of the chart.
    """

    def render_segments(self, console: Console) -> str:
        """Return what is written to a terminal."""
        written: list[str] = []
        for y, left, right in self.spans:
            at = -1
            for end, (x, strip) in zip(self.chop_ends[y], self.chops[y].items(), strict=True):
                start, stop = max(x, left), min(end, right)
                if strip is None or start >= stop:
                    continue
                if start != at:
                    written.append(f"\x1b[{y + 1};{start + 1}H")
                whole = start == x and stop == end
                written.append((strip if whole else strip.crop(start - x, stop - x)).render(console))
                at = stop
        return "".join(written)
