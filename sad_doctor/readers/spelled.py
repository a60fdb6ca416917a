"""Rewrites lines that name their values in a way of their own as ``name: value``."""

from __future__ import annotations

import re

from sad_doctor.readers import units
from sad_doctor.readers.numbers import NUMBER

_WRAPPED = re.compile(
    rf"\b(?:tensor|array|(?:np\.|numpy\.)?float\d\d)\(\[?\s{{0,3}}({NUMBER})(?:[^()]|\([^()]{{0,80}}\)){{0,120}}\)",
    re.IGNORECASE,
)
"""A number as a tensor, or as NumPy's, prints itself."""
_QUOTED = re.compile(rf'": "({NUMBER})"', re.IGNORECASE)
"""A number as a text of JSON, behind its name."""
_TIMM = re.compile(r"^Train: (\d{1,9}) \[\s{0,9}(\d{1,15}/\d{1,15})[^\]]{0,20}\]")
"""Where timm's batch stands: its epoch, and its place among those of it."""
_METER = re.compile(rf"{NUMBER} {{1,3}}\(\s{{0,9}}({NUMBER})\)", re.IGNORECASE)
"""A batch's value and the mean so far: of an evaluation the mean counts, and that of its last batch."""
_LIT = re.compile(rf"loss train: ({NUMBER}), val: (?:({NUMBER})|n/a)", re.IGNORECASE)
"""LitGPT's two losses; the second is that of the last evaluation."""
_COMPOSER = re.compile(r"^(?:Train|Eval) metrics/(?=(?:train|eval)/)")
"""What Composer's console writes before the name of a metric, which says it again."""


_LETTERS = {"‖∇‖": "grad_norm", "|g|": "grad_norm", "η": "lr", "λ": "lambda", "α": "alpha", "ℒ": "L"}


def spelled(line: str) -> str:
    """Return a clean line with its values as most loops print them; any other line as it is."""
    if line.startswith("Test: "):
        line = _METER.sub(r"\1", line)
    elif line.startswith("Train: "):
        line = _TIMM.sub(r"epoch: \1 step: \2", line)
    elif line.startswith(("Train metrics/", "Eval metrics/")):
        line = _COMPOSER.sub("", line)
    if "loss train:" in line:
        line = _LIT.sub(lambda said: f"loss: {said[1]}" + (f" val_loss: {said[2]}" if said[2] else ""), line)
    if '": "' in line:
        line = _QUOTED.sub(r"': \1", line)
    if "tensor(" in line or "float" in line or "array(" in line:
        line = _WRAPPED.sub(r"\1", line)
    if not line.isascii() or "|g|" in line:
        for letters, name in _LETTERS.items():
            line = line.replace(letters, name)
    return units.told(line)
