"""Labels of a batch that a trainer's method must shift itself."""

from __future__ import annotations

import re

from sad.judge.call import Call
from sad.judge.discover import source
from sad.judge.roles import Role

IN_STEP = re.compile(
    r"seq2seq|encoder|decoder_input_ids|masked_?lm|\bmlm\b|\bt5\b|\bbart\b|whisper|classif|shift", re.IGNORECASE
)
"""What the source of a method has in it whose model gives the logits of its own labels, or whose labels are shifted."""


def unshifted(call: Call) -> str:
    """Say that a trainer's method takes the rows of the labels as they are in the batch; '' where it may.

    It is called with a causal model and its batch, whose labels are the tokens themselves: the model's own loss shifts
    them, and the logits at token i are those of label i + 1.
    """
    if not call.takes(Role.MODEL) or IN_STEP.search(source(call)):
        return ""
    return (
        "it counts the rows at the labels themselves: the labels of a batch are not shifted yet, a causal model's "
        "logits at token i are for label i + 1, and so each end of a prompt or an answer is off by one"
    )
