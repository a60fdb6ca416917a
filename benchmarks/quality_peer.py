"""A trainer of TRL's on what benchmarks/quality.py wrote down. It runs in a Python that has trl, without sad.

    python quality_peer.py FOLDER

FOLDER has `teacher` and `student` with their tokenizers, `texts.json`, and `asked.json`: trainer, steps, seed, batch,
rate, warmup, the longest window in tokens. It leaves the student in `trained` and prints the seconds of its steps.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

os.environ.update(HF_HUB_OFFLINE="1", TOKENIZERS_PARALLELISM="false", TRL_EXPERIMENTAL_SILENCE="1")

import torch
from datasets import Dataset
from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback

PLAIN = "{% for m in messages %}{{ m['content'] }}{% endfor %}"
"""A chat template that adds nothing: the text is what is read."""


class Clock(TrainerCallback):  # type: ignore[misc]  # transformers is not read here
    """Processor seconds from the beginning of the first step to the end of the last."""

    def on_train_begin(self, *_: Any, **__: Any) -> None:
        self.first = time.process_time()

    def on_step_end(self, *_: Any, **__: Any) -> None:
        self.seconds = time.process_time() - self.first


def rows(texts: list[str]) -> Dataset:
    """Each text as a chat: its first word is the prompt, the rest has labels."""
    made = []
    for text in texts:
        head, space, rest = text.strip().partition(" ")
        if rest:
            made.append(
                {"messages": [{"role": "user", "content": head}, {"role": "assistant", "content": space + rest}]}
            )
    return Dataset.from_list(made)


def main() -> None:
    folder = Path(sys.argv[1])
    asked = json.loads((folder / "asked.json").read_text())
    torch.manual_seed(asked["seed"])
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    teacher, student = (
        AutoModelForCausalLM.from_pretrained(folder / n, dtype="float32") for n in ("teacher", "student")
    )
    tokenizer = AutoTokenizer.from_pretrained(folder / "student")
    tokenizer.chat_template = PLAIN
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    clock = Clock()
    common = {
        "output_dir": str(folder / "out"),
        "max_steps": asked["steps"],
        "per_device_train_batch_size": asked["batch"],
        "learning_rate": asked["rate"],
        "lr_scheduler_type": "cosine_with_min_lr",
        "lr_scheduler_kwargs": {"min_lr_rate": 0.1},
        "warmup_steps": round(asked["warmup"] * asked["steps"]),
        "weight_decay": 0.01,
        "adam_beta2": 0.95,
        "report_to": [],
        "save_strategy": "no",
        "logging_steps": 1000,
        "use_cpu": True,
        "bf16": False,
        "gradient_checkpointing": False,
        "disable_tqdm": True,
        "seed": asked["seed"],
        "max_length": asked["longest"],
        # the texts themselves, nothing that the student writes
        "lmbda": 0.0,
    }
    kept = {"train_dataset": rows(json.loads((folder / "texts.json").read_text())), "callbacks": [clock]}
    if asked["trainer"] == "gkd":
        from trl.experimental.gkd import GKDConfig, GKDTrainer

        made = GKDTrainer(
            model=student, teacher_model=teacher, args=GKDConfig(**common), processing_class=tokenizer, **kept
        )
    else:
        from trl.experimental.gold import GOLDConfig, GOLDTrainer

        own = AutoTokenizer.from_pretrained(folder / "teacher")
        own.chat_template = PLAIN
        own.save_pretrained(folder / "teacher")
        args = GOLDConfig(
            use_uld_loss=True,
            uld_use_hybrid_loss=True,
            uld_crossentropy_weight=1.0,
            teacher_tokenizer_name_or_path=str(folder / "teacher"),
            max_completion_length=16,
            **common,
        )
        made = GOLDTrainer(model=student, teacher_model=teacher, args=args, processing_class=tokenizer, **kept)
    made.train()
    made.model.save_pretrained(folder / "trained")
    print(f"SECONDS {clock.seconds}")


if __name__ == "__main__":
    main()
