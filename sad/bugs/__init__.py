"""The catalogue: one file a bug. To add one: copy a neighbour, take the next free code, add it to ``BUGS``.

A page (the module's docstring) has a title line and the sections Symptom, Mechanism, What its documented fix did,
Fix, Source.
"""

from __future__ import annotations

from sad.bugs import optimizer_never_steps
from sad.case import Bug

BUGS: tuple[Bug, ...] = (optimizer_never_steps.BUG,)
