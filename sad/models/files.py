"""What a model's files say before anything is loaded: whether they are complete, and how many tokens it reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sad import assets, embedded
from sad.errors import UserError
from sad.models import gguf, hub
from sad.recipe.schema import EMBEDDED, Recipe
from sad_doctor import bounded

ASSET = "asset:"
CONFIG, WEIGHTS, INDEX, ADAPTER = (
    "config.json",
    "model.safetensors",
    "model.safetensors.index.json",
    "adapter_config.json",
)
SUFFIX = ".safetensors"
POSITIONS = ("max_position_embeddings", "n_positions")
"""Configuration keys for the most tokens that a model reads; GPT-2 has a key of its own."""
LARGEST_HEADER = 100_000_000
"""Bytes of the longest header that safetensors reads."""


def check_files(recipe: Recipe) -> None:
    """Look at what can be seen in a moment of the models that a recipe names.

    Raises UserError for a file or folder that is missing, cut off or no model, and for ``data.max_length`` above the
    tokens that a model reads. Says nothing of names on a hub, nor of what only loading can tell.
    """
    for role, name in (("teacher", recipe.teacher.model), ("student", recipe.student.model)):
        if name.startswith("random:") or (role == "student" and name == EMBEDDED):
            continue
        path = whole(name) if name.lower().endswith(".gguf") else resolve(name)
        # a cache stands for the teacher's weights
        weights = role != "teacher" or recipe.cache.path is None
        places = _look(path, name, weights=weights) if isinstance(path, Path) else None
        check_length(role, places, recipe.data.max_length)


def check_length(role: str, places: int | None, length: int) -> None:
    """Raise UserError where a model reads fewer tokens than a window holds; None is a model that does not say."""
    if places is not None and places < length:
        raise UserError(
            f"the {role} reads {places} tokens at the most, data.max_length is {length}: "
            f"set data.max_length to {places} or less"
        )


def check_model(path: Path, name: str) -> None:
    """Raise UserError where the files of a folder name weights that are not safetensors, or that lie elsewhere."""
    _refuse_adapter(path, name)
    if (path / CONFIG).is_file() and "transformers_weights" not in _config(path, name) and (path / INDEX).is_file():
        _weights(path, name)


def whole(name: str) -> Path:
    """Return the name as a path. Raises UserError for a file that is missing, or is no model by itself."""
    path = Path(name).expanduser()
    if path.suffix.lower() == ".gguf":
        if not path.is_file():
            raise UserError(f"no such file: {name}; name a GGUF file that is there, or the folder of a model")
    elif path.is_file():
        raise UserError(f"{name} is a file, and no GGUF file: name the folder that holds the model, or a GGUF file")
    return path


def resolve(name: str) -> str | Path:
    """Return the folder of a name, or the name itself where it can only be one on a hub. Raises UserError."""
    if name == EMBEDDED:
        return embedded.TEACHER
    if name.startswith(ASSET):
        try:
            return assets.path_of(name.removeprefix(ASSET))
        except assets.AssetError as error:
            raise UserError(str(error)) from None
    path = whole(name)
    if path.exists():
        return path
    if name.startswith((".", "/", "~")):
        raise UserError(f"no such folder: {name}; name the folder that holds the model")
    hub.ready()
    return name


def weight_files(name: str) -> list[Path]:
    """Return the files that hold a model's weights, none where they are not on this machine. Raises UserError."""
    if name.lower().endswith(".gguf"):
        return [whole(name)]
    where = resolve(name)
    if not isinstance(where, Path):
        from transformers.utils import cached_file

        found = cached_file(where, CONFIG, local_files_only=True, _raise_exceptions_for_missing_entries=False)
        if found is None:
            return []
        where = Path(found).parent
    try:
        return _weights(where, name)
    except UserError:
        return []


def _look(path: Path, name: str, *, weights: bool = True) -> int | None:
    """Check the files of a model; return how many tokens it reads, or None."""
    if path.suffix.lower() == ".gguf":
        return gguf.check(path, name)
    config = _config(path, name)
    if weights and "transformers_weights" not in config:
        for file in _weights(path, name):
            check_safetensors(file)
    inner = config.get("text_config")
    parts = [inner, config] if isinstance(inner, dict) else [config]
    found = (part.get(key) for part in parts for key in POSITIONS)
    return next((value for value in found if isinstance(value, int)), None)


def _config(path: Path, name: str) -> dict[str, Any]:
    file = path / CONFIG
    _refuse_adapter(path, name)
    if not file.is_file():
        inside = sorted(p.parent for p in path.glob(f"*/{CONFIG}"))
        hint = f": did you mean {inside[0]}?" if inside else ": name the folder of a model in Hugging Face format"
        raise UserError(f"{name} holds no {CONFIG}{hint}")
    try:
        config = bounded.json_of(file)
    except (OSError, ValueError) as error:
        raise UserError(f"{file} cannot be read as JSON ({error}): fetch it again") from None
    if not isinstance(config, dict) or not isinstance(config.get("model_type"), str):
        raise UserError(f"{file} names no model_type: name the folder of a model")
    if not str(config.get("transformers_weights", INDEX)).endswith((SUFFIX, INDEX)):
        raise UserError(f"{file} names weights that are no {SUFFIX} file: convert them to safetensors")
    return config


def _refuse_adapter(path: Path, name: str) -> None:
    """Where PEFT is installed, transformers would load the base model that it names, from wherever that lies."""
    if (path / ADAPTER).is_file():
        beside = (path / CONFIG).is_file()
        what = f"an adapter beside a model ({ADAPTER})" if beside else "an adapter, not a model"
        way_out = f", or take {ADAPTER} away" if beside else ""
        raise UserError(f"{name} holds {what}: merge it into its base model first{way_out}")


def _weights(path: Path, name: str) -> list[Path]:
    if (path / WEIGHTS).is_file():
        return [path / WEIGHTS]
    try:
        shards = sorted(set(bounded.json_of(path / INDEX)["weight_map"].values()))
    except FileNotFoundError:
        kinds = {".safetensors", ".bin", ".pt", ".pth", ".h5"}
        others = sorted(p.name for p in path.iterdir() if p.suffix in kinds and p.is_file())
        found = f"; it has {others[0]}: convert that to safetensors" if others else ": fetch it again"
        raise UserError(f"{name} holds no weights ({WEIGHTS}){found}") from None
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        raise UserError(f"{path / INDEX} does not say which weights are where: fetch the model again") from None
    if strange := [shard for shard in shards if Path(shard).name != shard or not shard.endswith(SUFFIX)]:
        raise UserError(
            f"{path / INDEX} names weights that are no {SUFFIX} file beside it, {strange[0]} for one: fetch it again"
        )
    if missing := [shard for shard in shards if not (path / shard).is_file()]:
        raise UserError(
            f"{name} lacks {len(missing)} of {len(shards)} files of weights, {missing[0]} for one: fetch it again"
        )
    return [path / shard for shard in shards]


def check_safetensors(file: Path) -> None:
    """Compare the size of a file with what its header says. Raises UserError where it is cut off or no such file.

    The format: 8 bytes with the length of a JSON header, the header, the tensors
    (https://github.com/huggingface/safetensors, "Format").
    """
    size = file.stat().st_size
    with file.open("rb") as opened:
        length = int.from_bytes(opened.read(8), "little")
        if size < 8 or length > min(size - 8, LARGEST_HEADER):
            raise UserError(f"{file} is no whole safetensors file ({size:,} bytes): fetch it again")
        try:
            header = bounded.loads(opened.read(length))
            ends = [one["data_offsets"][1] for key, one in header.items() if key != "__metadata__"]
            wanted = 8 + length + max(ends, default=0)
        except (ValueError, LookupError, TypeError, AttributeError):
            raise UserError(f"{file} has a header that cannot be read: fetch it again") from None
    if size != wanted:
        cut = "cut off" if size < wanted else "too long"
        raise UserError(f"{file} is {cut}: it has {size:,} bytes, its header tells of {wanted:,}; fetch it again")
