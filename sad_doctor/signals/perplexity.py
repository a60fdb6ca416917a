"""What a perplexity really is: exp of a clamp, exp of some loss, or neither."""

from __future__ import annotations

import math

from sad_doctor.signals.precision import FLOAT32, significant_digits, tolerance, unit

CLAMPS = (10, 11, 12, 15, 20, 25, 30, 50, 80, 88, 100, 300, 500, 700, 709)
"""Exponents at which code caps a loss before ``exp``: round numbers, and where float32 (88) and float64 (709) end."""

FEWEST_DIGITS = 4
"""A perplexity printed with fewer significant digits is not compared with a clamp: 22,000 is not exp(10)."""


def clamp_of(perplexity: float) -> int | None:
    """Return k when ``perplexity`` is exp(k) for a k of :data:`CLAMPS`, within its printed precision; else None."""
    if not math.isfinite(perplexity) or perplexity <= 0:
        return None
    k = round(math.log(perplexity))
    if k not in CLAMPS:
        return None
    exact = math.exp(k)
    digits = significant_digits(perplexity)
    rounded = float(f"{exact:.{max(digits, FEWEST_DIGITS) - 1}e}")
    return k if perplexity == rounded or abs(perplexity - exact) <= FLOAT32 * exact else None


def is_exp_of(perplexity: float, loss: float) -> bool:
    """Say whether ``perplexity`` is exp(``loss``) within the printed precision of both."""
    if not (math.isfinite(perplexity) and math.isfinite(loss)) or perplexity <= 0:
        return False
    of_perplexity = min(0.5 * unit(perplexity) * 1.01 / perplexity, 0.005)
    return abs(math.log(perplexity) - loss) <= of_perplexity + tolerance(loss)
