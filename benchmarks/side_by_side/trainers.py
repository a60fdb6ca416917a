"""TRL's distillation trainers on the same pair and texts: forward KL, no sampling, no evaluation, no saving."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from side_by_side.loops import BATCH, texts_of
from side_by_side.measure import Peak, ideal_operations, rate_of_products, told


def steps(asked: dict[str, Any], pair: dict[str, Path], peak: Peak) -> dict[str, Any]:
    import torch
    import trl
    from datasets import Dataset
    from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback
    from trl.experimental.gkd import GKDConfig, GKDTrainer
    from trl.experimental.gold import GOLDConfig, GOLDTrainer

    variant, times = asked["variant"], []
    tokenizer = AutoTokenizer.from_pretrained(pair["student"])
    teacher, student = (
        AutoModelForCausalLM.from_pretrained(pair[which], dtype=torch.float32) for which in ("teacher", "student")
    )
    # a question of one mark: all but all of a text is the answer, which these trainers learn
    rows = [
        {"messages": [{"role": "user", "content": "."}, {"role": "assistant", "content": text}]}
        for text in texts_of(pair["text"])
    ]
    rows *= -(-asked["steps"] * BATCH // len(rows))

    class Timed(TrainerCallback):  # type: ignore[misc]  # transformers is not read here
        def on_train_begin(self, *_: object, **__: object) -> None:
            self.at = time.process_time()

        def on_step_end(self, *_: object, **__: object) -> None:
            now = time.process_time()
            times.append(now - self.at)
            self.at = now

    common = {
        "output_dir": asked["folder"] + "/out",
        "max_steps": asked["steps"],
        "per_device_train_batch_size": BATCH,
        "learning_rate": 1e-4,
        "lr_scheduler_type": "constant",
        "logging_steps": 1,
        "report_to": [],
        "save_strategy": "no",
        "use_cpu": True,
        "bf16": False,
        "gradient_checkpointing": False,
        "disable_tqdm": True,
        "max_length": 256,
        "lmbda": 0.0,
        "beta": 0.0,
    }
    given = {"model": student, "teacher_model": teacher, "train_dataset": Dataset.from_list(rows)}
    given |= {"processing_class": tokenizer, "callbacks": [Timed()]}
    if variant == "trl gkd":
        trainer = GKDTrainer(args=GKDConfig(**common), **given)
    else:
        uld = "uld" in variant or "hybrid" in variant
        more = {"use_uld_loss": True, "teacher_tokenizer_name_or_path": str(pair["teacher"])} if uld else {}
        if "hybrid" in variant:
            more["uld_use_hybrid_loss"] = True
        trainer = GOLDTrainer(args=GOLDConfig(max_completion_length=32, **more, **common), **given)
    real = computed = 0
    for batch in (
        trainer.data_collator([trainer.train_dataset[i * BATCH + j] for j in range(BATCH)]) for i in range(4)
    ):
        real, computed = real + int(batch["attention_mask"].sum()), computed + batch["attention_mask"].numel()
    rates = [rate_of_products()]
    trainer.train()
    rates.append(rate_of_products())
    tokens, padded = real / 4, computed / 4
    ideal = ideal_operations(teacher, student, tokens)
    return told(times, tokens, padded, ideal, peak, rates, version=trl.__version__)
