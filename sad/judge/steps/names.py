"""The names that parameters and settings of steps have in the field, and what each setting is by its name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any

from sad.judge.fabric import FABRICS, Fabric
from sad.judge.stand_in import RowLoss
from sad.judge.steps import engine
from sad.judge.steps.scaler import LOSS_SCALERS, LossScaler
from sad.judge.unknown import Unknown
from sad.subjects.text_loss import IGNORED

MODELS = ("model", "student", "student_model", "net", "module", "lm")
TEACHERS = ("teacher", "teacher_model", "ref_model")
OPTIMIZERS, SCHEDULERS = ("optimizer", "optim", "opt"), ("scheduler", "lr_scheduler", "sched")
PAIRS = ("optimizer_and_scheduler",)
"""An optimizer and its scheduler, as one."""
BATCHES = (
    "batch",
    "inputs",
    "micro_batch",
    "microbatch",
    "minibatch",
    "mini_batch",
    "examples",
    "x",
    "input_ids",
    "ids",
    "xb",
)
LABELS = ("y", "labels", "targets", "target", "yb", "label", "y_true", "target_ids")
MASKS = ("attention_mask", "attn_mask", "mask")
WINDOWS = ("micro_batches", "microbatches", "window", "minibatches")
LOADERS = (
    *("loader", "dataloader", "train_loader", "train_dataloader", "data_loader", "batches", "train_batches", "dataset"),
    *("train_dataset", "data", "train_data", "iterator", "dl"),
)
SPLITS = ("loaders", "dataloaders", "data_loaders", "splits", "datasets")
"""A dict of what is trained on and what is evaluated on."""
OTHER_LOADERS = ("val_loader", "valid_loader", "eval_loader", "val_dataloader", "eval_dataloader", "test_loader")
"""What a run evaluates on."""
NEXT = ("get_batch", "next_batch", "sample_batch", "batch_fn", "get_train_batch")
"""Functions that return the next batch."""
ACCUMULATIONS = (
    *("gradient_accumulation_steps", "grad_accumulation_steps", "accumulation_steps", "accum_steps", "accumulation"),
    *("grad_accum_steps", "grad_accum", "accumulate", "accumulate_grad_batches", "n_accum"),
    *("accum_iter", "accum_iters", "accumulation_iters", "update_freq", "accum"),
)
CLIPS = (
    "max_grad_norm",
    "clip",
    "grad_clip",
    "max_norm",
    "clip_grad_norm",
    "gradient_clipping",
    "clip_norm",
    "gradient_clipping_threshold",
)
PLACES = ("step", "batch_idx", "batch_index", "i", "idx", "micro_step", "iteration", "it", "step_idx")
LASTS = ("do_step", "should_step", "is_last", "last", "sync", "update", "sync_gradients", "is_accumulation_boundary")
EPOCHS = ("epochs", "num_epochs", "n_epochs", "num_train_epochs")
ENGINES = ("engine", "trainer_engine")
"""The engine of ignite, which counts."""
SCALERS = ("scaler", "grad_scaler")
RATES = ("lr", "learning_rate")
WARMUPS = ("warmup_steps", "num_warmup_steps", "warmup")
TOTALS = ("max_steps", "num_steps", "total_steps", "num_training_steps", "steps", "max_iters", "num_iters", "n_iters")
LENGTHS = ("iters", "iter_per_epoch", "iters_per_epoch", "steps_per_epoch", "num_batches", "n_batches")
"""How many batches an epoch has."""
ROWS = ("seq_length", "seq_len", "max_seq_length", "max_seq_len", "sequence_length", "context_length", "max_length")
"""How many tokens a row has at the most."""
SIZES = (
    *("batch_size", "bs", "train_batch_size", "micro_batch_size", "batch_size_training"),
    "per_device_train_batch_size",
)
"""How many texts a micro-batch has."""
WHOLE_SIZES = ("total_batch_size", "global_batch_size", "effective_batch_size")
"""How many texts a window has."""
LIMITS = ("max_steps", "num_steps", "steps")
"""Where they may be left out they end a run early, and whether they count steps or micro-batches is not told."""
COUNTS = ("num_items_in_batch", "num_items", "num_tokens", "total_tokens")
ACCELERATORS = ("accelerator",)
ACCUMULATES = re.compile(r"accumulat|sync_gradients|no_sync")
"""Where a source that takes an accelerator speaks of windows of micro-batches: one that does not has none."""
TOKENIZERS = ("tokenizer", "tok", "processing_class", "lm_tokenizer", "student_tokenizer", "teacher_tokenizer")
SETTINGS: Mapping[str, Any] = {
    "device": "cpu",
    **dict.fromkeys(FABRICS, Fabric()),
    **dict.fromkeys(("rank", "local_rank"), 0),
    "world_size": 1,
    **dict.fromkeys(("temperature", "t", "tau", "temp", "kd_temperature"), 1.0),
    **dict.fromkeys(("alpha", "beta", "lam", "kd_weight", "lm_weight", "ce_weight", "lambda_kd", "gamma"), 0.5),
    **dict.fromkeys(("ctx", "autocast", "autocast_ctx", "amp_ctx"), nullcontext()),
    **dict.fromkeys(("use_amp", "amp", "fp16", "bf16", "ddp", "use_ddp", "distributed", "is_distributed"), False),
    **dict.fromkeys(("epoch", "global_step", "current_epoch"), 0),
    "ignore_index": IGNORED,
    **dict.fromkeys(LOSS_SCALERS, LossScaler()),
    "mixup_fn": None,
    "model_ema": None,
    "lr_schedule_values": None,
    "pad_token_id": 0,
    **dict.fromkeys(("seed", "weight_decay", "momentum", "warmup_epochs", "min_lr"), 0),
    **dict.fromkeys(("eps", "epsilon", "adam_eps", "adam_epsilon"), 1e-8),
    **dict.fromkeys(("beta1", "adam_beta1"), 0.9),
    **dict.fromkeys(("beta2", "adam_beta2"), 0.999),
    **dict.fromkeys(("betas", "adam_betas"), (0.9, 0.999)),
    **dict.fromkeys(("log_every", "eval_freq", "eval_every", "log_interval", "print_every", "save_every"), 10**9),
    **dict.fromkeys(("eval_iter", "eval_iters"), 1),
    **dict.fromkeys((*TOKENIZERS, "writer", "tb_writer", "wandb"), None),
    # many ask it without looking whether it is there
    "logger": Unknown("logger"),
    **dict.fromkeys(("start_context", "header"), ""),
    **dict.fromkeys(("criterion", "loss_fn", "ce_loss", "loss_func"), RowLoss(ignore_index=IGNORED)),
}


PLAIN_SETTINGS = {name: value for name, value in SETTINGS.items() if not isinstance(value, RowLoss)}
"""What an object of settings has: of a criterion that is the name of one, not the thing."""
KNOWN = frozenset(
    (
        *(*MODELS, *TEACHERS, *OPTIMIZERS, *SCHEDULERS, *PAIRS, *BATCHES, *LABELS, *MASKS),
        *(*WINDOWS, *LOADERS, *OTHER_LOADERS, *SPLITS),
        *(*ACCUMULATIONS, *CLIPS, *PLACES, *LASTS, *EPOCHS, *ENGINES, *engine.ENGINES, *SCALERS, *RATES, *WARMUPS),
        *(*TOTALS, *LENGTHS, *SIZES, *WHOLE_SIZES, *NEXT, *COUNTS, *ACCELERATORS, *SETTINGS),
    )
)
"""Every name that is listed."""
