"""A file each for what is looked for in a source. S1: losses, S2: data, S3: steps and loops, S4: scores, S5: models.

A page has the sections What it looks for, Why, Not told where, Fix, Faulty, Right and Source. The lines of the faulty
example that end in ``# here`` are those, and all those, that the rule names; of the right one it names none.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from sad.source.rule import SourceRule


@cache
def rules() -> tuple[SourceRule, ...]:
    """Return every rule, by code: each module of this package has one as ``RULE``."""
    found = [importlib.import_module(f"{__name__}.{one.name}").RULE for one in pkgutil.iter_modules(__path__)]
    return tuple(sorted(found, key=lambda rule: rule.code))
