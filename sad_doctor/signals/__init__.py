"""Signals: arrays in, arrays out. Shares, trend, plateau, frozen, clamp, spike, printed precision."""

from sad_doctor.signals.evaluations import evaluation_moves, evaluations, measured
from sad_doctor.signals.learning import always_zero, falls, loss_falls, never_steps
from sad_doctor.signals.parts import Parts, parts, shares, sums_to, table
from sad_doctor.signals.perplexity import CLAMPS, clamp_of, is_exp_of
from sad_doctor.signals.precision import sample, significant_digits, tolerance, unit
from sad_doctor.signals.series import Gain, Still, finite, gain, spikes, still, tidy, trend

__all__ = [
    "CLAMPS",
    "Gain",
    "Parts",
    "Still",
    "always_zero",
    "clamp_of",
    "evaluation_moves",
    "evaluations",
    "falls",
    "finite",
    "gain",
    "is_exp_of",
    "loss_falls",
    "measured",
    "never_steps",
    "parts",
    "sample",
    "shares",
    "significant_digits",
    "spikes",
    "still",
    "sums_to",
    "table",
    "tidy",
    "tolerance",
    "trend",
    "unit",
]
