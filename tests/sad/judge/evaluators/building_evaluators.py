"""Evaluators that make their own loaders and fetch their own models, with settings of a class of their own."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch.utils.data import DataLoader
from transformers import AutoModelForCausalLM, AutoTokenizer


@dataclass
class EvalConfig:
    per_device: int = 4
    readers: int = 0


class OverItsOwnLoader:
    """Its loader is made over the data that it is given."""

    def __init__(self, eval_config: EvalConfig, train_dataset, eval_dataset=None):
        self.model = AutoModelForCausalLM.from_pretrained("some/student")
        self.tokenizer = AutoTokenizer.from_pretrained("some/student")
        self.pad = self.tokenizer.pad_token_id + 0
        self.learned = DataLoader(train_dataset, batch_size=eval_config.per_device * 2, shuffle=True)
        self.scored = DataLoader(eval_dataset, batch_size=eval_config.per_device, num_workers=eval_config.readers)

    def evaluate(self):
        self.model.eval()
        total, count = 0.0, 0
        with torch.no_grad():
            for batch in self.scored:
                logits, labels = self.model(**batch).logits[:, :-1], batch["labels"][:, 1:]
                total += float(F.cross_entropy(logits.flatten(0, 1), labels.flatten(), reduction="sum"))
                count += int((labels != -100).sum())
        return {"loss": total / self.divisor(count)}

    def divisor(self, count):
        return count


class MeanOfBatches(OverItsOwnLoader):
    """It divides by its batches."""

    def divisor(self, count):
        return min(len(self.scored), count)
