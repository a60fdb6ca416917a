"""A configuration of another program, given as a recipe: say whose it is, and what its keys are called here."""

from __future__ import annotations

import re
from pathlib import Path

from sad.errors import UserError
from sad_doctor import bounded

KEYS = {
    "per_device_train_batch_size": "train.batch_size",
    "gradient_accumulation_steps": "train.accumulation",
    "learning_rate": "train.learning_rate",
    "num_train_epochs": "train.epochs",
    "max_steps": "train.max_steps",
    "max_length": "data.max_length",
    "max_seq_length": "data.max_length",
    "dataset_name": "data.text",
    "dataset_text_field": "data.column",
    "model_name_or_path": "student.model",
    "teacher_model_name_or_path": "teacher.model",
    "base_model": "student.model",
    "temperature": "terms.kd.temperature",
    "output_dir": "output.folder",
    "max_grad_norm": "train.clip",
}
"""Keys of the Hugging Face trainers and of TRL, and what they are in a recipe."""
OTHERS = {".yaml": "YAML", ".yml": "YAML", ".json": "JSON"}
_KEY = re.compile(r"""^\s*(?:-\s*)?["']?([A-Za-z_]\w*)["']?\s*[:=]""", re.MULTILINE)
NAMED = 3


def refuse_foreign(path: Path) -> None:
    """Raise UserError, in one line, if the file is a configuration of another schema; else do nothing.

    Files that cannot be read, and TOML without a known foreign key, are left to the reader of recipes.
    """
    try:
        text = bounded.text(path, bounded.TOML)
    except (OSError, ValueError):
        return
    form = OTHERS.get(path.suffix.lower(), "TOML")
    keys = list(dict.fromkeys(_KEY.findall(text)))
    sections = re.search(r"^\s*\[(teacher|student|data|train|terms|shares|output)", text, re.MULTILINE)
    known = [key for key in keys if key in KEYS]
    if form == "TOML" and (sections or not known):
        return
    renamed = ", ".join(f"{key} is {KEYS[key]} here" for key in known[:NAMED])
    whose = "a configuration of a Hugging Face trainer" if known else f"{form}"
    hint = f" ({renamed})" if renamed else ""
    raise UserError(f"{path} is {whose}, not a recipe: recipes are TOML with the keys of docs/recipe.md{hint}")
