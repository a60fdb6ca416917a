"""The recipe: everything that decides a run, typed and frozen; TOML first, flags on top."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, Field, ValidationError, model_validator
from pydantic.fields import FieldInfo

from sad.errors import UserError, listed
from sad.recipe.aware import Aware
from sad.recipe.inputs import EMBEDDED as EMBEDDED
from sad.recipe.inputs import Data as Data
from sad.recipe.inputs import Student as Student
from sad.recipe.inputs import Teacher as Teacher
from sad.recipe.section import STEPS, Section, limits, shown
from sad.recipe.terms import MOST, Share, Terms
from sad_doctor import bounded

RANDOM = "random:"
PRETRAINED_RATE = 1e-4
RATES = {EMBEDDED: 4e-3, RANDOM: 1e-3}
"""Peak learning rates of students that begin with random weights, by the beginning of their name."""
_OUTSIDE = ("greater_than", "greater_than_equal", "less_than", "less_than_equal", "finite_number")


class Train(Section):
    """The optimisation."""

    epochs: float = Field(default=3.0, ge=1e-6, le=1e6)
    """Passes over the training text."""
    max_steps: int | None = Field(default=None, ge=1, le=STEPS)
    """Optimizer steps at the most; the schedule ends there too."""
    batch_size: int = Field(default=8, ge=1, le=1_000_000)
    """Windows of a micro-batch on each device."""
    accumulation: int = Field(default=1, ge=1, le=1_000_000)
    """Micro-batches of an optimizer step on each device."""
    buckets: bool = True
    """Windows, or packed rows, of about one length go into a step together, so that little is padded; else any."""
    packing: bool = False
    """Several short windows share a row and do not see each other; `batch_size` then counts rows."""
    prefetch: int = Field(default=2, ge=0, le=1000)
    """Steps whose data is made ready while others are computed; 0 makes each when it is needed."""
    learning_rate: float = Field(default=PRETRAINED_RATE, ge=1e-30, le=100)
    """Peak learning rate of the student; if not set 4e-3 for the embedded one, 1e-3 for a fresh one, else 1e-4."""
    projector_learning_rate: float = Field(default=1e-2, ge=1e-30, le=100)
    """Peak learning rate of the layerwise projectors."""
    warmup: float = Field(default=0.05, ge=0, lt=1)
    """Share of the steps over which the learning rate rises; then it falls along a cosine."""
    final_learning_rate: float = Field(default=0.1, ge=0, le=1)
    """Learning rate of the last step, as a share of the peak."""
    weight_decay: float = Field(default=0.01, ge=0, le=100)
    """Decoupled weight decay of matrices; vectors have none."""
    clip: float = Field(default=1.0, ge=1e-9, le=1e12)
    """Largest gradient norm of a step."""
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    """bf16 or fp16 autocast, full fp32, or `auto`: bf16 where the processor multiplies it natively, else fp32. fp16 is
    for GPUs without bf16 (T4, V100): the loss is scaled, and a step whose gradient overflows is taken anew at half the
    scale."""
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """Where to train; `auto` takes the fastest that is there."""
    seed: int = Field(default=0, ge=0, lt=2**63)
    """Seed of the student's weights, of the order of the data and of the held-out choice."""
    log_every: int = Field(default=1, ge=1, le=STEPS)
    """Steps between two lines of the record."""
    eval_every: int | None = Field(default=None, ge=1, le=STEPS)
    """Steps between two evaluations; a tenth of the run if not set."""
    save_every: int | None = Field(default=None, ge=1, le=STEPS)
    """Steps between two checkpoints; a fifth of the run if not set."""
    save_minutes: float = Field(default=15.0, gt=0, le=1e6)
    """A checkpoint is written at the latest after so many minutes, whatever the steps."""
    keep_checkpoints: int = Field(default=2, ge=1, le=1_000_000)
    """How many checkpoints to keep."""
    shard_teacher: bool | None = None
    """On several devices: keep a piece of the teacher's blocks on each; if not set, where the student is sharded."""
    push_checkpoint: str | None = None
    """Another folder to which each checkpoint is copied, in a folder of the run's name; a run can go on from it."""
    max_hours: float | None = Field(default=None, gt=0, le=1e5)
    """Hours after which the run saves and ends by itself, a little before they are over."""
    on_red_flag: Literal["ignore", "warn", "stop", "rollback"] = "warn"
    """What a red flag of `sad doctor` does to the run: nothing, a warning, its end, or a way back to a checkpoint."""
    max_rollbacks: int = Field(default=3, ge=1, le=1000)
    """Ways back to a checkpoint before the run stops."""
    skip_spikes: bool = True
    """Leave out a step whose loss lies far above those before it."""
    grad_shares_every: int = Field(default=200, ge=0, le=STEPS)
    """Steps between two looks at each term's share of the gradient and at the teacher's loss; 0 takes none."""
    trackers: list[str] = Field(default_factory=list)
    """Libraries that the record goes to as well: `tensorboard`, `wandb`, `trackio`, or another of accelerate's."""
    compile: bool = False
    """Compile the blocks of both models: faster steps after a slow first one."""
    gradient_checkpointing: bool = False
    """Compute the student's activations again in the backward pass: less memory, more time."""


class Cache(Section):
    """The teacher on disk, written by `sad cache`: training from it needs no teacher in memory."""

    path: str | None = None
    """Folder of the cache; if not set the teacher itself is asked."""
    k: int | None = Field(default=None, ge=1, le=1_000_000)
    """Likeliest tokens kept at each boundary; if not set 32 when it is written, and any number when it is read."""
    bits: Literal[8, 10, 12, 16, 32] | None = None
    """Bits of a log-probability; if not set 12 when it is written, and any number when it is read; 32 is exact."""
    states: bool = False
    """Keep the teacher's hidden states too, also where no term asks for them yet."""
    shard: int = Field(default=2**16, ge=1, le=100_000_000)
    """Boundaries of a file; a writer that was stopped goes on from the last whole one."""


class Output(Section):
    """Where the run is written."""

    folder: Path = Field(default=Path("runs"), strict=False)
    """The folder of runs; each run gets a folder of its own, `latest` points to the newest."""
    name: str = Field(default="distil", max_length=100, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    """Ends the name of the run's folder."""


class Recipe(Section):
    """One run, whole."""

    teacher: Teacher = Teacher()
    student: Student = Student()
    data: Data = Data()
    train: Train = Train()
    terms: Terms = Terms()
    shares: dict[str, Share] | None = None
    """Target shares of the loss by term, e.g. {kd = 50, layerwise = 30, lm = 20}; weights then follow slowly."""
    aware: Aware = Aware()
    cache: Cache = Cache()
    output: Output = Output()

    @model_validator(mode="before")
    @classmethod
    def _rate(cls, tree: Any) -> Any:  # noqa: ANN401 - whatever was given; what is no recipe is refused afterwards
        if not isinstance(tree, dict) or not isinstance(tree.get("train", {}), dict):
            return tree
        student = tree.get("student", {})
        name = student.get("model", EMBEDDED) if isinstance(student, dict) else getattr(student, "model", "")
        rate = next((r for start, r in RATES.items() if str(name).startswith(start)), PRETRAINED_RATE)
        return {**tree, "train": {"learning_rate": rate, **tree.get("train", {})}}

    @model_validator(mode="after")
    def _shares(self) -> Recipe:
        if self.shares is None:
            return self
        if missing := sorted(set(self.terms.weights) ^ set(self.shares)):
            raise ValueError(f"shares must name exactly the terms with a weight; these differ: {', '.join(missing)}")
        if max(self.shares.values()) > MOST * min(self.shares.values()):
            raise ValueError(f"no share may be more than {MOST:,.0f} times another: bring them nearer together")
        return self

    @model_validator(mode="after")
    def _aware(self) -> Recipe:
        if told := self.aware.misfit(self.terms, self.shares):
            raise ValueError(told)
        return self


def load(path: Path | None, overrides: Mapping[str, Any]) -> Recipe:
    """Read a recipe: defaults, then the TOML file, then ``overrides`` by dotted key (``train.epochs``).

    Raises UserError with one line: no such file, not TOML, an unknown key (with the nearest right one), a bad value.
    """
    # an error may be in the file or in the flags, which is not known here
    origin = "the flags" if path is None else f"{path} and the flags" if overrides else str(path)
    return parse(tree(overrides, path), origin)


def tree(overrides: Mapping[str, Any], path: Path | None = None) -> dict[str, Any]:
    """Return the sections of a TOML file with ``overrides`` by dotted key, not checked. Raises UserError."""
    found: dict[str, Any] = {} if path is None else _read(path)
    for dotted, value in overrides.items():
        _put(found, dotted.split("."), value)
    return found


def parse(tree: Mapping[str, Any], origin: str) -> Recipe:
    """Check a tree of plain values; ``origin`` is named in the error. Raises UserError."""
    try:
        return Recipe.model_validate(tree)
    except ValidationError as error:
        raise UserError(f"{origin}: {_explain(error)}") from None


def merged(sets: Sequence[str], flags: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keys that ``--set`` and flags give, by dotted key; a flag wins. Raises UserError."""
    return {**dict(assignment(one) for one in sets), **flags}


def assignment(text: str) -> tuple[str, Any]:
    """Split ``terms.kd.weight=0.5`` into a dotted key and a TOML value; a bare word is a string. Raises UserError."""
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise UserError(f"--set {text}: write it as key=value, for example terms.kd.weight=0.5")
    try:
        return key.strip(), bounded.toml(f"value = {value}")["value"]
    except ValueError:
        return key.strip(), value.strip()


def _read(path: Path) -> dict[str, Any]:
    try:
        return bounded.toml_of(path)
    except OSError as error:
        raise UserError(f"cannot read the recipe {path}: {error.strerror or error}; name a file in TOML") from None
    except ValueError as error:
        raise UserError(f"{path} cannot be read as TOML: {error}; mend it") from None


def _put(tree: dict[str, Any], keys: list[str], value: Any) -> None:  # noqa: ANN401 - any TOML value
    for depth, key in enumerate(keys[:-1], 1):
        below = tree.setdefault(key, {})
        if not isinstance(below, dict):
            above = ".".join(keys[:depth])
            told = f"{'.'.join(keys)}: {above} is one value, with no keys below it"
            raise UserError(f"{told}: set {above} itself, or make it a section of the recipe")
        tree = below
    tree[keys[-1]] = value


def _explain(error: ValidationError) -> str:
    first = error.errors()[0]
    parts = [str(part) for part in first["loc"]]
    # for a key that takes several types, pydantic puts the type behind it
    where = ".".join(parts[:-1] if parts and parts[-1] in ("float", "int", "str") else parts)
    if first["type"] == "extra_forbidden":
        *parents, wrong = (str(part) for part in first["loc"])
        known = _keys(parents)
        near = difflib.get_close_matches(wrong, known, n=1, cutoff=0.75)
        hint = f"did you mean {near[0]}?" if near else f"known: {listed(known, wrong)}"
        return f"unknown key {where}; {hint}"
    message = first["msg"].removeprefix("Value error, ")
    message = message[:1].lower() + message[1:]
    if first["type"] == "model_type":
        keys = _keys([str(part) for part in first["loc"]])
        return f"{where} is a section, not a value: set one of its keys, {listed(f'{where}.{key}' for key in keys)}"
    value = first.get("input")
    told = "" if isinstance(value, dict) else shown(value)
    # to pydantic an integer that no float can hold is of another type
    huge = first["type"] == "float_type" and isinstance(value, int) and not isinstance(value, bool)
    if (huge or first["type"] in _OUTSIDE) and (bounds := _limits(first["loc"])):
        return f"{where}: {told} is out of range: give a number that is {bounds}"
    given = f" (given: {told})" if told else ""
    # a section that speaks of one of its keys
    between = "." if isinstance(value, dict) and message.split()[0] in _keys(parts) else ": "
    return f"{where}{between}{message}{given}" if where else message


def _limits(loc: Iterable[int | str]) -> str:
    """Say between which numbers the value of a key must lie; "" for a key without bounds, or that is no number."""
    field: FieldInfo | None = FieldInfo(annotation=Recipe)
    for part in loc:
        kind = field.annotation if field else None
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            field = kind.model_fields.get(str(part))
        else:
            # bounds of the values of a mapping, which may be unset
            mapping = next((one for one in (kind, *get_args(kind)) if get_origin(one) is dict), None)
            field = FieldInfo.from_annotation(get_args(mapping)[1]) if mapping else None
    return limits(field.metadata) if field else ""


def _keys(parents: list[str]) -> list[str]:
    section: type[BaseModel] = Recipe
    for parent in parents:
        kind = section.model_fields[parent].annotation
        if not (isinstance(kind, type) and issubclass(kind, BaseModel)):
            return []
        section = kind
    return list(section.model_fields)
