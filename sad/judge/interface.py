"""What of someone's code can be judged: its interface, and the properties that are asked of each."""

from __future__ import annotations

from enum import StrEnum


class Interface(StrEnum):
    """What the code under judgement is for."""

    LOSS = "loss"
    COLLATOR = "collator"
    EVALUATOR = "evaluator"
    STEP = "step"
    ALIGNMENT = "alignment"

    @property
    def flag(self) -> str:
        """The option of `sad verify` that names such code."""
        return f"--{self.value}"

    @property
    def adapted(self) -> str:
        """The function that an adapter's file defines for it."""
        return ADAPTED[self]


ADAPTED = {
    Interface.LOSS: "loss",
    Interface.COLLATOR: "collate",
    Interface.EVALUATOR: "evaluate",
    Interface.STEP: "step",
    Interface.ALIGNMENT: "align",
}

PROPERTIES: dict[Interface, tuple[str, ...]] = {
    Interface.COLLATOR: (
        "can_be_called",
        "tokens_kept",
        "attention_mask",
        "features_untouched",
        "target_alignment",
        "batch_composition",
        "left_padding",
        "truncated_alike",
    ),
    Interface.EVALUATOR: (
        "can_be_called",
        "model_untouched",
        "batch_split",
        "token_weighted",
        "modes_restored",
    ),
    Interface.STEP: (
        "can_be_called",
        "step_accounting",
        "split_invariance",
        "text_length",
        "configuration_has_effect",
        "teacher_isolation",
    ),
    Interface.ALIGNMENT: (
        "can_be_called",
        "text_alignment",
        "text_kept",
        "ids_permuted",
        "given_pair",
    ),
}
"""The properties of each interface but the loss, whose are found (`sad.judge.battery`), in the order of judging."""
