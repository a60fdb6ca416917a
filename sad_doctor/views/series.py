"""A line of a chart, whoever draws it."""

from __future__ import annotations

from typing import Literal

from sad_doctor.run import Column
from sad_doctor.sealed import sealed

Kind = Literal["line", "points", "level"]


@sealed(eq=False)
class Series:
    """A line, single points, or the last value as a level across the chart; ``colour`` is a hex colour.

    ``mark`` is a letter that tells the line from others where there are no colours; empty for none.
    """

    name: str
    column: Column
    colour: str
    kind: Kind = "line"
    mark: str = ""
