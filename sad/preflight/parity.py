"""Evaluation judges with the training's own objective, does not depend on its batches, and leaves no trace."""

from __future__ import annotations

from collections.abc import Iterator

from sad.evaluate import evaluate
from sad.preflight.bench import Bench
from sad.preflight.cutting import caught
from sad.preflight.finding import Finding, judged, off

TOPIC = "evaluation parity"


def parity(bench: Bench) -> Iterator[Finding]:
    """Score four windows by the step and by the evaluation, at the same weights."""
    with bench.kit(exact=True, terms=bench.of_texts) as kit:
        some = bench.few
        modes = [module.training for module in kit.distiller.modules()]
        whole = evaluate(kit.distiller, [kit.collated(some)], kit.objective)
        again = evaluate(kit.distiller, [kit.collated(some)], kit.objective)
        split = evaluate(kit.distiller, [kit.collated([one]) for one in some], kit.objective)
        step = caught(kit, [kit.collated(some)])
        left = [module.training for module in kit.distiller.modules()]
    apart = off(whole.ledger.loss, step.loss)
    cut = max(off(split.ledger.loss, whole.ledger.loss), off(split.likelihood.nats, whole.likelihood.nats))
    checks = (
        (apart <= bench.tolerance, f"{step.loss:.4f} in training, {whole.ledger.loss:.4f} in evaluation of one text"),
        (cut <= bench.tolerance, f"the score moves by {cut:.2%} with the evaluation's batch size"),
        (whole.ledger.loss == again.ledger.loss, "two evaluations of the same weights differ"),
        (modes == left, "it leaves a module in another mode"),
        (whole.likelihood.tokens == split.likelihood.tokens, "it counts other tokens with another batch size"),
    )
    faults = [fault for sound, fault in checks if not sound]
    yield judged(
        TOPIC,
        bool(faults),
        f"{step.loss:.4f} in training and in evaluation of one text, in any batches (off by {max(apart, cut):.1g})",
        "; ".join(faults),
        advice="the code that trains is at fault: run sad verify evaluation-has-other-weights",
        numbers={"apart": apart, "cut": cut},
    )
