"""Explains another call of a loss as the first one was explained."""

from __future__ import annotations

from sad.judge.losses.call import Call
from sad.judge.losses.sample import Fit, Sample, fit, fit_smoothed
from sad.judge.roles import Role


def refit(of: Sample, first: Fit, call: Call) -> Fit:
    """Fit the family, the label loss and the temperatures of ``first`` to a call."""
    t = of.given.temperature if call.takes(Role.TEMPERATURE) else 1.0
    beta = of.given.beta if first.family.beta and call.betas() and call.form.beta != "" else first.beta
    if first.smoothing:
        again = fit_smoothed(of, first.family, beta, first.labels, (t, t), heat=first.heat)
        if again is not None:
            return again
    return fit(of, first.family, beta, first.labels, (t, t), smoothing=first.smoothing, heat=first.heat)
