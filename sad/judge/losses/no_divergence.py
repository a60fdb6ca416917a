"""A function that runs as no divergence: a loss on labels, or one of single tokens."""

from __future__ import annotations

from sad.errors import UserError
from sad.judge.losses.call import Call
from sad.judge.losses.discover import CannotRunError, Shape, discover
from sad.judge.losses.label_loss import label_loss
from sad.judge.losses.sample import given
from sad.judge.roles import Role


def form_of(call: Call, seed: int) -> Shape:
    """Return the form of a loss: as a divergence, else with labels where the teacher would be.

    Raises what ``discover`` raises, and UserError for a loss of single tokens.
    """
    try:
        return discover(call, seed)
    except CannotRunError:
        shape = _on_labels(call, seed)
        if shape is not None:
            return shape
        if _of_single_tokens(call, seed):
            raise UserError(
                "it takes the log-probabilities of single tokens, [batch, length]: an estimate from samples, no "
                "divergence of distributions over a vocabulary, which is what is judged here"
            ) from None
        raise


def _on_labels(call: Call, seed: int) -> Shape | None:
    names = call.reading.named(Role.TEACHER)
    if call.takes(Role.LABELS) or len(names) != 1:
        return None
    try:
        shape = discover(call.formed(roles={names[0]: Role.LABELS}), seed)
        return shape if label_loss(shape, seed) is not None else None
    except (CannotRunError, UserError):
        return None


def _of_single_tokens(call: Call, seed: int) -> bool:
    if not (call.takes(Role.STUDENT) and call.takes(Role.TEACHER)):
        return False
    try:
        return bool(call.of_single_tokens(given(seed)).isfinite())
    except Exception:
        return False
