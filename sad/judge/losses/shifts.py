"""Labels of a batch that a trainer's method must shift itself."""

from __future__ import annotations

import re
import sys

from sad.judge.losses.call import Call
from sad.judge.losses.context import source
from sad.judge.roles import Role
from sad.judge.texts import text_of

IN_STEP = re.compile(
    r"seq2seq|encoder|decoder_input_ids|masked_?lm|\bmlm\b|\bt5\b|\bbart\b|whisper|classif|shift"
    r"|get_targets\(|net_input",
    re.IGNORECASE,
)
"""What the source of a method has in it whose model gives the logits of its own labels, or whose labels are shifted."""
CAUSAL = re.compile(
    r"causal|prompt|completion|generat|on.?policy|\bllm|instruct|\bgkd|\bsft|gpt|llama|qwen|next.token", re.IGNORECASE
)
"""What its class or module has in it that is for causal models."""


INPUTS = re.compile(r"\b(?:attention|attn|input)_mask")
OF_LABELS = re.compile(r"-100|ignore_in?d|label\w*_mask|loss_mask|completion_mask|response_mask|\blabels?\s*[!=]=")
"""What rows with a label are told by."""


def of_inputs(call: Call) -> bool:
    """Whether the rows that count can only be those of the tokens themselves, by an attention mask: no label is asked
    for, so that nothing of it is to be shifted.
    """
    own = source(call)
    return bool(INPUTS.search(own)) and not OF_LABELS.search(own)


def unshifted(call: Call) -> tuple[str, bool]:
    """Say that a trainer's method takes the rows of the labels as they are in the batch, and whether that is wrong.

    It is called with a causal model and its batch, whose labels are the tokens themselves: the model's own loss shifts
    them, and the logits at token i are those of label i + 1. '' where labels are no matter of a batch or are in step.
    """
    own = source(call)
    if not call.takes(Role.MODEL) or IN_STEP.search(own) or of_inputs(call):
        return "", False
    says = (
        "it counts the rows at the labels themselves: the labels of a batch are not shifted yet, a causal model's "
        "logits at token i are for label i + 1, and so each end of a prompt or an answer is off by one"
    )
    certain = bool(CAUSAL.search(own + _around(call)))
    return says if certain else f"{says}, unless its model is none or its collator shifts them", certain


def _around(call: Call) -> str:
    """The name of the class that a method is of, of what that is derived from, and the source of its module."""
    if call.owner is None:
        return ""
    names = " ".join(base.__name__ for base in call.owner.__mro__)
    module = sys.modules.get(call.owner.__module__)
    try:
        return f"{names}\n{text_of(module) if module is not None else ''}"
    except (OSError, TypeError):
        return names
