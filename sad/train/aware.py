"""How the loop makes, measures and steers what follows the student (:mod:`sad.aware`)."""

from __future__ import annotations

from sad.aware.readiness import Readiness
from sad.batch import Batch
from sad.distiller import Distiller
from sad.errors import UserError
from sad.evaluate import Likelihood, Scores
from sad.objective import Objective
from sad.recipe.schema import Recipe
from sad.train.ledger.grad_shares import grad_shares
from sad.train.ledger.measurements import due
from sad.train.processes import sharded
from sad.train.step import Learner, Step


def make_objective(recipe: Recipe, distiller: Distiller) -> Objective:
    """Return the objective of a recipe before the first step."""
    weights, time, shares = dict(recipe.terms.weights), recipe.aware.time, recipe.aware.shares
    waiting = {name: weights[name] for name in time.terms if name in weights}
    return Objective(
        weights,
        recipe.shares,
        every=shares.every if shares.of == "gradient" else None,
        readiness=Readiness(waiting, time.begin, time.end) if waiting else None,
        gaps=distiller.gaps,
    )


def measured_from(objective: Objective, scores: Scores, teacher: Likelihood) -> Scores:
    """Tell a new objective the LM losses on held-out text between which progress is measured: student's and teacher's.

    The teacher's is converted to nats per token of the student by the bits per byte. Returns the student's scores.
    """
    own = scores.likelihood
    objective.begin(own.lm_loss, own.lm_loss * teacher.bits_per_byte / own.bits_per_byte if own.nats else own.lm_loss)
    return scores


def steer(learner: Learner, batch: Batch, step: int, done: Step) -> None:
    """Measure the shares of the gradient after ``step`` (from 1), where that is due, and adapt the weights.

    Raises UserError where the weights are in pieces: there no process has a whole gradient.
    """
    accelerator, objective = learner.accelerator, learner.objective
    if objective.every is None or not due(step, objective.every) or done.spike or not done.finite:
        return
    distiller = learner.distiller
    if sharded.in_pieces(distiller):
        raise UserError('aware.shares.of = "gradient" needs whole weights on each device: take "value", or DDP')
    objective.steer(grad_shares(accelerator, distiller, objective, batch, learner.scaled))
