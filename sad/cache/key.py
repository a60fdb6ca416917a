"""The key of a cache: what it was written from. A training compares it with its own, and reports what differs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sad.align.vocab import VocabMap
from sad.data import Readers
from sad.errors import UserError
from sad.models.files import CONFIG, resolve, weight_files
from sad.recipe.schema import Recipe
from sad_doctor import bounded

FORMAT = 1
"""Version of the files: goes up when older caches can no longer be read."""
ELSEWHERE = "not here"
"""Stands for weights that are not on this machine: they cannot be compared."""
UNSAID = ("_name_or_path", "transformers_version", "torch_dtype", "dtype")
"""Keys of a configuration that change nothing of the model."""

WORDS = {
    "format": "it is of another version of sad",
    "weights": "the teacher's weights are others",
    "config": "the teacher's configuration is another",
    "teacher_tokenizer": "the teacher's tokenizer is another",
    "student_tokenizer": "the student's tokenizer is another",
    "vocabulary_map": "the map between the two vocabularies is another",
    "train": "the training examples are others (data.text, data.max_length, data.held_out or train.seed)",
    "held_out": "the held-out examples are others (data.held_out, data.eval_windows or train.seed)",
    "temperature": "terms.kd.temperature is another",
    "k": "cache.k is another",
    "bits": "cache.bits is another",
    "layers": "it has the states of other blocks of the teacher (terms.layerwise.layers, or no states at all)",
}
"""What each difference is called in a message, the most important first."""

Key = dict[str, Any]


def make_key(recipe: Recipe, readers: Readers, vocab: VocabMap, layers: Sequence[int]) -> Key:
    """Return the key without the examples. Reads every byte of the teacher's weights, if they are on this machine."""
    return {
        "format": FORMAT,
        "weights": weights_hash(recipe.teacher.model),
        "config": config_hash(recipe.teacher.model),
        "teacher_tokenizer": readers.teacher.fingerprint,
        "student_tokenizer": readers.student.fingerprint,
        "vocabulary_map": _hash([vocab.index.numpy().tobytes()]),
        "temperature": recipe.terms.kd.temperature,
        "layers": list(layers),
    }


def weights_hash(name: str) -> str:
    """Return the sha256 of a model's files of weights, one behind the other, or that they are not here."""
    digest = hashlib.sha256()
    files = weight_files(name)
    for file in files:
        with file.open("rb") as opened:
            digest.update(hashlib.file_digest(opened, "sha256").digest())
    return digest.hexdigest() if files else ELSEWHERE


def config_hash(name: str) -> str:
    """Return a hash of what a model's configuration says, or that it is not here; a GGUF file has it inside."""
    if name.lower().endswith(".gguf"):
        return _hash([b"gguf"])
    folder: Path | None
    if isinstance(where := resolve(name), Path):
        folder = where
    else:
        from transformers.utils import cached_file

        found = cached_file(where, CONFIG, _raise_exceptions_for_missing_entries=False)
        folder = Path(found).parent if found else None
    if folder is None or not (folder / CONFIG).is_file():
        return ELSEWHERE
    tree = bounded.json_of(folder / CONFIG)
    said = {key: value for key, value in tree.items() if key not in UNSAID}
    return _hash([json.dumps(said, sort_keys=True).encode()])


def differences(stored: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    """Return what differs, in words. ``wanted`` may leave out what does not matter to it."""
    return [
        told
        for name, told in WORDS.items()
        if name in wanted and ELSEWHERE not in (stored.get(name), wanted[name]) and stored.get(name) != wanted[name]
    ]


def refuse(folder: Path, told: Sequence[str], advice: str) -> None:
    """Raise UserError where something differs."""
    if told:
        more = f" (and {len(told) - 1} more: {'; '.join(told[1:])})" if len(told) > 1 else ""
        raise UserError(f"{folder} is not a cache of this run: {told[0]}{more}; {advice}")


def _hash(parts: Sequence[bytes]) -> str:
    return hashlib.blake2b(b"".join(parts), digest_size=16).hexdigest()
