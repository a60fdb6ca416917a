"""A trainer, and arguments of its own beside it."""

from __future__ import annotations

import transformers


class OwnArguments(transformers.TrainingArguments):
    """Those of the trainer below."""

    def __init__(self, *given, heat=2.0, **named):
        super().__init__(*given, **named)
        self.heat = heat


class WithOwnArguments(transformers.Trainer):
    """Whose arguments are those above."""
