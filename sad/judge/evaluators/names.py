"""The names that parameters of evaluators have in the field."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

MODELS = ("model", "student", "student_model", "net", "module", "lm")
TEACHERS = ("teacher", "teacher_model", "ref_model")
LOADERS = {
    *("batches", "dataloader", "data_loader", "loader", "eval_dataloader", "eval_loader", "val_loader", "valid_loader"),
    *("val_dataloader", "valid_dataloader", "validation_loader", "validation_dataloader", "test_loader", "dl", "data"),
    *("test_dataloader", "dataset", "eval_dataset", "val_batches", "eval_batches", "iterator", "eval_data", "val_data"),
}
LOGITS = ("logits", "student_logits", "predictions", "preds", "outputs")
LABELS = ("labels", "targets", "label_ids", "references", "target", "indices")
LOADED = re.compile(r"(loader|_dl|_iter|_iterator|_batches|(train|valid|validation|val|eval|test)_(data|set|dataset))$")
"""How the names of other parameters end, or what they are, that are batches of whatever split."""
DATA = "the batches of loaders"
"""No name of a parameter: what a loader that is made over the data goes through."""
READS = "the texts of data that it reads"
"""No name of a parameter: what files and data sets have that are not here, as words."""
PAIRS = ("eval_pred", "eval_preds", "eval_prediction", "p", "prediction")
CALLED = ("evaluate", "compute", "_compute")
"""Which method of an object is called, where the object itself is not."""
READ = re.compile(
    r"\b(load_dataset|load_from_disk|json\.load|DataLoader|open|(get|load|make|create|build)_\w*(data|loader)\w*)\("
    r"|\.read_text\("
)
"""Where a source reads data."""
NAMED: Mapping[str, Any] = {
    **{name: ["wikitext2"] for name in ("datasets", "dataset_names", "tasks")},
    **dict.fromkeys(("dataset_name", "data_name"), "wikitext2"),
}
"""What data sets that an evaluator reads itself are called."""
LIMITS = {
    "max_eval_steps",
    *("max_batches", "eval_iters", "max_iters", "num_batches", "max_steps", "eval_steps", "limit", "max_eval_batches"),
    "steps",
}
