"""A callback for Hugging Face's `Trainer` that records the parts of the loss, and stops the run on a red flag.

    python examples/hf_callback.py --teacher TEACHER --student STUDENT --text FILE.txt
    python examples/hf_callback.py … --rate 0    # the mistake that is planted: the optimizer takes no step

`RedFlags` goes with any trainer: it records whatever is logged. `PartsTrainer` is an ordinary distillation, of one
tokenizer, that logs what its loss is made of: most red flags need that, a total tells little. Of `sad` only the doctor
is used.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from accelerate.utils import broadcast_object_list
from torch.nn import functional as F
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    Trainer,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
    default_data_collator,
)

from sad_doctor import Recorder, check, names, open_log
from sad_doctor.finding import Level


class RedFlags(TrainerCallback):
    """Records what the trainer logs in ``folder``; judges it every ``every`` steps, and stops on an error."""

    def __init__(self, folder: str | os.PathLike[str], every: int = 50) -> None:
        self.folder, self.every = folder, every
        self.headline = ""
        self._record: Recorder | None = None
        self._next = every

    def on_train_begin(self, args: Any, state: TrainerState, control: TrainerControl, **more: Any) -> None:
        """Open the record, in one process."""
        if state.is_world_process_zero:
            self._record = Recorder(self.folder, {names.TOTAL_STEPS: state.max_steps}, resume=state.global_step > 0)
            # reads only what is new, so that a look costs little however long the run is
            self._source = open_log(self.folder)

    def on_log(
        self, args: Any, state: TrainerState, control: TrainerControl, logs: dict[str, Any] | None = None, **more: Any
    ) -> None:
        """Record what is logged; judge it when it is time to."""
        if self._record is not None:
            numbers = {name: value for name, value in (logs or {}).items() if isinstance(value, int | float)}
            self._record.log(state.global_step, numbers)
        if state.global_step < self._next:
            return
        self._next = state.global_step + self.every
        if self._record is not None:
            self._judge(self._record, state.global_step)
        # one process reads the record, and all of them must stop, or those that go on would wait for ever
        (self.headline,) = broadcast_object_list([self.headline])
        control.should_training_stop |= bool(self.headline)

    def on_train_end(self, args: Any, state: TrainerState, control: TrainerControl, **more: Any) -> None:
        """Say how the run ended."""
        if self._record is not None:
            self._record.close("interrupted" if self.headline else "finished")
            # what is logged later, such as a last evaluation, is of no run that goes on
            self._record = None

    def _judge(self, record: Recorder, step: int) -> None:
        self._source.poll()
        for finding in check(self._source.run()).findings:
            if finding.level is Level.ERROR:
                self.headline = f"{finding.rule} {finding.name}: {finding.headline}"
                record.event(names.EVENT_RED_FLAG, self.headline, step)
                return
        record.heartbeat()


class LogsParts(Trainer):
    """Logs the parts of its loss beside it, as they are noted: the mean over the steps since the last time."""

    def __init__(self, *given: Any, **more: Any) -> None:
        super().__init__(*given, **more)
        self._parts: dict[str, torch.Tensor] = {}
        self._since = 0

    def note(self, parts: Mapping[str, torch.Tensor]) -> None:
        """Add this micro-batch's part of each term, on this process."""
        for name, value in parts.items():
            self._parts[name] = self._parts.get(name, 0.0) + value.detach()

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Log the parts where the loss is logged."""
        if "loss" in logs and self._parts:
            steps, self._since = self.state.global_step - self._since, self.state.global_step
            for name, value in self._parts.items():
                logs[f"weighted/{name}"] = self.accelerator.reduce(value, "sum").item() / steps
            self._parts = {}
        super().log(logs, start_time)


class PartsTrainer(LogsParts):
    """Distils by labels and by the teacher's distribution, and logs both parts of its loss."""

    def __init__(self, model: Any, teacher: Any, args: TrainingArguments, kd_weight: float = 1.0, **more: Any) -> None:
        super().__init__(model=model, args=args, **more)
        self.teacher = teacher.to(args.device).eval().requires_grad_(False)
        self.kd_weight = kd_weight
        # the loss is divided by the labels of the whole step
        self.model_accepts_loss_kwargs = True

    def compute_loss(
        self, model: Any, inputs: dict[str, torch.Tensor], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """Return this micro-batch's part of the loss of the step."""
        labels = inputs["labels"][:, 1:]
        kept = labels != -100
        items = kept.sum() if num_items_in_batch is None else num_items_in_batch
        told = model(input_ids=inputs["input_ids"]).logits[:, :-1][kept].float().log_softmax(-1)
        with torch.no_grad():
            wanted = self.teacher(input_ids=inputs["input_ids"]).logits[:, :-1][kept].float().log_softmax(-1)
        lm = F.nll_loss(told, labels[kept], reduction="sum") / items
        kd = F.kl_div(told, wanted, reduction="sum", log_target=True) / items
        if model.training:
            self.note({"lm": lm, "kd": self.kd_weight * kd})
        loss = lm + self.kd_weight * kd
        if num_items_in_batch is not None:
            # the processes' gradients are averaged, and their sum is wanted
            loss = loss * self.accelerator.num_processes
        return (loss, {}) if return_outputs else loss


def main(words: Sequence[str] | None = None) -> PartsTrainer:
    """Train as the words say; return the trainer."""
    parser = argparse.ArgumentParser(description="Distil inside a Trainer, and stop on a red flag.")
    for name in ("teacher", "student", "text"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--output", default="runs/hf-callback")
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--kd-weight", type=float, default=1.0)
    parser.add_argument("--batch-size", type=int, default=4)
    parser.add_argument("--accumulation", type=int, default=2)
    parser.add_argument("--max-length", type=int, default=128)
    parser.add_argument("--every", type=int, default=50)
    said = parser.parse_args(words)

    teacher = AutoModelForCausalLM.from_pretrained(said.teacher)
    student = AutoModelForCausalLM.from_pretrained(said.student)
    tokens = AutoTokenizer.from_pretrained(said.student)(Path(said.text).read_text(encoding="utf-8")).input_ids
    whole = len(tokens) // said.max_length * said.max_length
    windows = torch.tensor(tokens[:whole]).view(-1, said.max_length)
    args = TrainingArguments(
        os.path.join(said.output, "checkpoints"),
        max_steps=said.steps,
        per_device_train_batch_size=said.batch_size,
        gradient_accumulation_steps=said.accumulation,
        learning_rate=said.rate,
        logging_steps=1,
        save_strategy="no",
        report_to=[],
    )
    trainer = PartsTrainer(
        student,
        teacher,
        args,
        said.kd_weight,
        train_dataset=[{"input_ids": row, "labels": row} for row in windows],
        data_collator=default_data_collator,
        callbacks=[flags := RedFlags(said.output, said.every)],
    )
    trainer.train()
    if flags.headline:
        print(f"stopped at step {trainer.state.global_step}: {flags.headline}\nsad doctor {said.output}")
    return trainer


if __name__ == "__main__":
    main()
