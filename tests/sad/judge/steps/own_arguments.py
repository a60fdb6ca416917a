"""A trainer, and arguments of its own beside it."""

from __future__ import annotations

import torch
import transformers


class OwnArguments(transformers.TrainingArguments):
    """Those of the trainer below."""

    def __init__(self, *given, heat=2.0, **named):
        super().__init__(*given, **named)
        self.heat = heat


class WithOwnArguments(transformers.Trainer):
    """Whose arguments are those above."""


class WithTeacher(transformers.Trainer):
    """One that takes a teacher, and nothing else."""

    def __init__(self, *given, teacher_model=None, **named):
        super().__init__(*given, **named)
        self.teacher_model = teacher_model


class WithMore(transformers.Trainer):
    """One that must be given more."""

    def __init__(self, model, args, frobnication, **named):
        super().__init__(model, args, **named)
        self.frobnication = frobnication


class WithOtherNames(transformers.Trainer):
    """One whose constructor has other names for what it hands on."""

    def __init__(self, config, student_model, train_dataset, eval_dataset, data_collator, temperature):
        super().__init__(student_model, config, data_collator, train_dataset=train_dataset, eval_dataset=eval_dataset)
        self.temperature = temperature


class AsksItsTeacher(WithTeacher):
    """One that reads what its teacher says."""

    def training_step(self, model, inputs, *given, **named):
        with torch.no_grad():
            self.teacher_model(inputs["input_ids"])
        return super().training_step(model, inputs, *given, **named)


class PullsItsTeacher(AsksItsTeacher):
    """One that moves its teacher a little in every step."""

    def training_step(self, *given, **named):
        with torch.no_grad():
            next(self.teacher_model.parameters()).add_(1e-3)
        return super().training_step(*given, **named)
