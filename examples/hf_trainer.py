"""The terms of sad inside a subclass of Hugging Face's `Trainer`, and the callback that stops it on a red flag.

    python examples/hf_trainer.py --teacher TEACHER --student STUDENT --text FILE.txt

Teacher and student may have different tokenizers. What there is to it:

- the model that the trainer trains is a `Distiller`: the student and what maps its states to the teacher's;
- a batch is what both tokenizers read of the same text, made by `collate`;
- a term is a sum over its units, and each has units of its own: labels for `lm`, places that both models have read
  to for `kd`. They are counted over all micro-batches and processes of an optimizer step before the first of them is
  run, which is what `num_items_in_batch` is for; the loss is then the same however the step is cut;
- each term is logged as it counts in the loss, and `RedFlags` of hf_callback.py, which stands beside this file, has
  the doctor judge what is logged: `sad doctor` reads the folder of the run too.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from hf_callback import LogsParts, RedFlags
from transformers import AutoModelForCausalLM, AutoTokenizer, TrainingArguments

from sad.align.reader import Reader
from sad.align.vocab import VocabMap
from sad.batch import Batch
from sad.data import Example, Readers, collate, examples
from sad.distiller import Distiller
from sad.evaluate import evaluate
from sad.objective import Objective
from sad.recipe.schema import Terms


class DistilTrainer(LogsParts):
    """Trains a distiller by the sum of its terms at their weights."""

    def __init__(self, distiller: Distiller, readers: Readers, args: TrainingArguments, **more: Any) -> None:
        self.readers = readers
        self.objective = Objective(dict(distiller.terms.weights))
        super().__init__(model=distiller, args=args, data_collator=self._collate, **more)
        # the loss is divided by the units of the whole step already
        self.model_accepts_loss_kwargs = True
        self.loss_is_scaled_for_ga = True

    def _collate(self, some: Sequence[Example]) -> dict[str, Batch]:
        return {"batch": collate(some, self.readers)}

    def get_batch_samples(
        self, epoch_iterator: Iterator[dict[str, Batch]], num_batches: int, device: torch.device
    ) -> tuple[list[dict[str, Batch]], dict[str, int]]:
        """Return the micro-batches of a step, and the units of every term in all of them, on all processes."""
        samples, _ = super().get_batch_samples(epoch_iterator, num_batches, device)
        counts = [one["batch"].counts() for one in samples]
        names = sorted(counts[0]) if counts else []
        units = torch.tensor([sum(c[name] for c in counts) for name in names], device=device)
        return samples, dict(zip(names, self.accelerator.reduce(units, "sum").tolist(), strict=True))

    def compute_loss(
        self,
        model: torch.nn.Module,
        inputs: dict[str, Batch],
        return_outputs: bool = False,
        num_items_in_batch: dict[str, int] | None = None,
    ) -> Any:
        """Return this micro-batch's part of the loss of the step."""
        batch = inputs["batch"].to(self.args.device)
        asked = self.accelerator.unwrap_model(model).ask_teacher(batch)
        units = batch.counts() if num_items_in_batch is None else num_items_in_batch
        scales = self.objective.scales(units)
        sums = model(batch, asked, scales)
        loss = self.objective.part(sums, units)
        self.note({name: scales[name] * one.total for name, one in sums.items()})
        if num_items_in_batch is not None:
            # the processes' gradients are averaged, and their sum is wanted
            loss = loss * self.accelerator.num_processes
        return (loss, {}) if return_outputs else loss

    def evaluate(self, eval_dataset: Any = None, ignore_keys: Any = None, metric_key_prefix: str = "eval") -> Any:
        """Score the student: its own likelihood, and how near it is to the teacher. One process does it all."""
        some = list(self.eval_dataset if eval_dataset is None else eval_dataset)
        size = self.args.per_device_eval_batch_size
        batches = (collate(some[i : i + size], self.readers) for i in range(0, len(some), size))
        scores = evaluate(self.accelerator.unwrap_model(self.model), batches, self.objective)
        found = {
            "loss": scores.ledger.loss,
            "bits_per_byte": scores.likelihood.bits_per_byte,
            "perplexity": scores.likelihood.perplexity,
            "kl": scores.kl,
            "agreement": scores.agreement,
        }
        metrics = {f"{metric_key_prefix}_{name}": value for name, value in found.items()}
        self.log(metrics)
        return metrics

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        folder = output_dir or self.args.output_dir
        self.accelerator.unwrap_model(self.model).student.save_pretrained(folder)
        self.readers.student.tokenizer.save_pretrained(folder)


def main(words: Sequence[str] | None = None) -> DistilTrainer:
    """Train as the words say; return the trainer."""
    parser = argparse.ArgumentParser(description="Distil with the terms of sad inside a Trainer.")
    for name in ("teacher", "student", "text"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--output", default="runs/hf-trainer")
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--batch-size", type=int, default=4)
    parser.add_argument("--accumulation", type=int, default=2)
    parser.add_argument("--max-length", type=int, default=128)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--every", type=int, default=50)
    said = parser.parse_args(words)

    teacher = AutoModelForCausalLM.from_pretrained(said.teacher)
    student = AutoModelForCausalLM.from_pretrained(said.student)
    mine, theirs = (Reader(AutoTokenizer.from_pretrained(name)) for name in (said.student, said.teacher))
    readers = Readers(student=mine, teacher=theirs)
    paragraphs = [part for part in Path(said.text).read_text(encoding="utf-8").split("\n\n") if part.strip()]
    windows = examples(paragraphs, readers, said.max_length)
    held = max(1, len(windows) // 20)

    # layerwise compares hidden states, whatever the two widths
    terms = Terms.model_validate({"kd": {"weight": 1.0}, "lm": {"weight": 1.0}, "layerwise": {"weight": 0.03}})
    distiller = Distiller(student, teacher, VocabMap(mine, theirs), terms)
    args = TrainingArguments(
        said.output,
        max_steps=said.steps,
        per_device_train_batch_size=said.batch_size,
        per_device_eval_batch_size=said.batch_size,
        gradient_accumulation_steps=said.accumulation,
        learning_rate=said.rate,
        logging_steps=1,
        save_strategy="no",
        report_to=[],
        # a window is no row of columns
        remove_unused_columns=False,
    )
    trainer = DistilTrainer(
        distiller,
        readers,
        args,
        train_dataset=windows[held:],
        eval_dataset=windows[:held],
        callbacks=[flags := RedFlags(said.output, said.every)],
    )
    # the teacher is not part of what is trained, so the trainer does not move it
    distiller.teacher.to(trainer.args.device)
    trainer.train()
    if flags.headline:
        print(f"stopped at step {trainer.state.global_step}: {flags.headline}\nsad doctor {said.output}")
    trainer.evaluate()
    trainer.save_model()
    return trainer


if __name__ == "__main__":
    main()
