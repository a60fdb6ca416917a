"""A trainer of classifiers, by what its program fetches."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from transformers import AutoModelForSequenceClassification, Trainer


class Classifies(Trainer):
    """A mean over examples: right for classes, and not for the tokens of texts."""

    def __init__(self, *given, teacher_model=None, **named):
        super().__init__(*given, **named)
        self.teacher_model = teacher_model

    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        labels = inputs.pop("labels")
        outputs = model(**inputs)
        with torch.no_grad():
            teacher = self.teacher_model(**inputs).logits
        kd = F.kl_div(F.log_softmax(outputs.logits, -1), F.softmax(teacher, -1), reduction="sum")
        loss = (kd + F.cross_entropy(outputs.logits, labels, reduction="sum")) / (num_items_in_batch or len(labels))
        return (loss, outputs) if return_outputs else loss


def main():
    student = AutoModelForSequenceClassification.from_pretrained("student")
    Classifies(model=student, teacher_model=AutoModelForSequenceClassification.from_pretrained("teacher")).train()
