"""Who owns the loss, and who owns the gradient, before the first step?"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from sad.batch import ATTENTION, CONTRASTIVE, LAYERWISE
from sad.preflight.bench import Bench
from sad.preflight.finding import Finding, Level, judged
from sad.preflight.opening import Opening, opening

TOPIC = "first batch"
OWNS = 0.8
"""Share of the loss from which one term is the objective and the others are decoration."""
OWNS_GRADIENT = 0.9
"""Share of the gradient from which a helping term is the objective."""
WANTED = 0.2
"""Share that the mended weight of a helping term is to have, of loss and gradient."""
OFF_TARGET = 0.15
CEILING = {"layernorm": 4.0, "cosine": 2.0}
"""Most that the layerwise term can be while both states are normalised (see sad/losses/layerwise.py)."""
UNRELATED = {"layernorm": 2.0, "cosine": 1.0, "relative": 1.0}
"""Its approximate value for unrelated states; for `relative`, that of a student whose states are 0."""
HELPERS = (LAYERWISE, ATTENTION, CONTRASTIVE)


def terms(bench: Bench) -> Iterator[Finding]:
    """Judge values, shares and gradients of the terms."""
    found = bench.once(opening)
    ledger = found.ledger
    if bad := [name for name, value in ledger.raw.items() if not math.isfinite(value)]:
        yield Finding(
            TOPIC,
            Level.WRONG,
            f"before any step {', '.join(f'{name} is {ledger.raw[name]}' for name in bad)}",
            advice="look at the findings on the models and on the text: a weight or a label is broken",
        )
        return
    table = "; ".join(
        f"{name} {ledger.raw[name]:.4g} x {ledger.weight[name]:.4g} = {ledger.weighted[name]:.4g}, "
        f"{ledger.shares[name]:.0%} of the loss, {found.gradient_shares[name]:.0%} of the gradient "
        f"(norm {found.gradient[name]:.3g})"
        for name in ledger.raw
    )
    numbers = {f"share/{n}": s for n, s in ledger.shares.items()}
    numbers |= {f"raw/{n}": v for n, v in ledger.raw.items()} | {f"weight/{n}": v for n, v in ledger.weight.items()}
    numbers |= {f"gradient/{n}": s for n, s in found.gradient_shares.items()} | {"loss": ledger.loss}
    numbers |= {f"gradient_norm/{n}": norm for n, norm in found.gradient.items()}
    yield Finding(TOPIC, Level.FINE, f"loss {ledger.loss:.4g} on {found.windows} windows: {table}", numbers=numbers)
    yield from _magnitude(found, bench.plan.recipe.terms.layerwise.normalisation)
    yield from _owners(bench, found)
    yield from _targets(bench, found)
    yield _gradient(bench, found)


def _owners(bench: Bench, found: Opening) -> Iterator[Finding]:
    shares, gradients = found.ledger.shares, found.gradient_shares
    if len(shares) < 2:
        return
    owned = False
    for name, share in shares.items():
        helper = name in HELPERS
        by_gradient = helper and gradients[name] > OWNS_GRADIENT
        # cross-entropy of a fresh student is large by nature: a main term must own the gradient as well
        if not by_gradient and (share <= OWNS or (not helper and gradients[name] <= OWNS)):
            continue
        owned = True
        what = f"{share:.1%} of the loss and {gradients[name]:.1%} of the gradient"
        if helper and bench.plan.recipe.shares is None:
            edits = {f"terms.{name}.weight": mended_weight(found, name)}
            says = f"{name} owns the run before its first step: {what} (alarm at {OWNS:.0%})"
            yield Finding(TOPIC, Level.WRONG, says, edits=edits, numbers={"share": share, "gradient": gradients[name]})
        else:
            others = ", ".join(n for n in shares if n != name)
            says = f"{name} is {what}: {others} can hardly be heard"
            yield Finding(TOPIC, Level.WARNING, says, advice="weigh the terms, or set [shares]")
    if not owned:
        most = max(shares, key=lambda n: shares[n])
        yield Finding(TOPIC, Level.FINE, f"no term owns the loss: the largest, {most}, is {shares[most]:.0%} of it")


def mended_weight(found: Opening, name: str) -> float:
    """Return the weight, to two digits, at which the term is at most ``WANTED`` of the loss and of the gradient."""
    weight, factors = found.ledger.weight[name], []
    for parts in (found.ledger.weighted, found.gradient):
        others = sum(abs(value) for other, value in parts.items() if other != name)
        if abs(parts[name]) > 0 and others > 0:
            factors.append(WANTED / (1 - WANTED) * others / abs(parts[name]))
    # rounded down, so that it stays below the limit
    wanted = weight * min(factors, default=1.0)
    digits = 1 - math.floor(math.log10(wanted)) if wanted > 0 else 0
    return math.floor(wanted * 10**digits) / 10**digits if digits >= 0 else float(math.floor(wanted))


def _targets(bench: Bench, found: Opening) -> Iterator[Finding]:
    targets = bench.plan.recipe.shares
    if not targets or bench.plan.recipe.aware.shares.of == "gradient":
        # target shares of the gradient are reached only after the first step
        return
    whole = sum(targets.values())
    shares = found.ledger.shares
    told = ", ".join(f"{n} {shares.get(n, 0.0):.0%} (wanted {t / whole:.0%})" for n, t in targets.items())
    far = max(abs(shares.get(n, 0.0) - t / whole) for n, t in targets.items())
    level = Level.WARNING if far > OFF_TARGET else Level.FINE
    yield Finding(TOPIC, level, f"predicted shares: {told}", numbers={"off_target": far})


def _magnitude(found: Opening, normalisation: str) -> Iterator[Finding]:
    ceiling = CEILING.get(normalisation, math.inf)
    if (value := found.ledger.raw.get(LAYERWISE)) is not None:
        yield judged(
            TOPIC,
            value > ceiling,
            f"layerwise starts at {value:.3f}, where {UNRELATED[normalisation]:g} means unrelated: it is normalised",
            f"layerwise is {value:,.1f} before the first step and cannot be above {ceiling:g} on normalised states: "
            "it compares raw ones",
            advice="this is a fault of the code, not of the recipe: set terms.layerwise.weight to 0 until it is mended",
            edits={"terms.layerwise.weight": 0.0},
            numbers={"layerwise": value},
        )


def _gradient(bench: Bench, found: Opening) -> Finding:
    clip = bench.plan.recipe.train.clip
    numbers = {"gradient_norm": found.norm, "clip": clip}
    more: dict[str, Any] = {"numbers": numbers}
    if not math.isfinite(found.norm):
        more["advice"] = 'try train.precision = "fp32"; if it stays, a weight of a model is broken'
        bad = ", ".join(n for n, value in found.gradient.items() if not math.isfinite(value)) or "a projector"
        return Finding(TOPIC, Level.WRONG, f"the gradient of the first batch is {found.norm}, by {bad}", **more)
    if silent := [name for name, value in found.gradient.items() if value == 0 and found.ledger.weight[name] > 0]:
        says = f"{', '.join(silent)} has a weight and gives the student no gradient at all"
        return Finding(
            TOPIC, Level.WRONG, says, advice="the term is at its minimum, or cut off from the student", **more
        )
    cut = f", {found.norm / clip:.3g} x train.clip: the first steps are clipped" if found.norm > clip else ""
    return Finding(TOPIC, Level.FINE, f"gradient norm {found.norm:.3g}{cut}", **more)
