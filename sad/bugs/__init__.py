"""The catalogue: one file a bug. To add one: copy a neighbour and take the next free code of its hundred.

V1xx the core, which `sad verify` judges by itself; V2xx divergences and their precision; V3xx labels, padding,
tokenizers, vocabularies; V4xx steps, accumulation, several processes; V5xx save and resume; V6xx teacher, target,
states; V7xx metrics. A page (the module's docstring) has a title line and the sections Symptom, Mechanism, What its
documented fix did, Fix, Source.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from sad.bug import Bug

BUGS: tuple[Bug, ...] = tuple(
    sorted(
        (import_module(f"{__name__}.{found.name}").BUG for found in iter_modules(__path__)), key=lambda bug: bug.code
    )
)
