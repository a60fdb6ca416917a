"""`from sad import distill`: a run from Python, with names or with models and texts that are there already."""

from __future__ import annotations

import copy
import hashlib
import json
import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from torch import nn

from sad.errors import UserError, places
from sad.evaluate import Likelihood, Scores
from sad.pair import Given
from sad.quiet import without_bars
from sad.recipe import schema as recipes
from sad.recipe.schema import Recipe
from sad.train.loop import Result, train
from sad.train.output import patient_console
from sad.train.plan import make_plan
from sad.train.processes import elastic, failure
from sad.train.progress import Bar, Lines, Watcher, summary
from sad.train.saving import consent
from sad.train.saving import folder as folders

TEXTS = "texts"
"""The folder, among the runs, of texts that came from memory."""


@dataclass(frozen=True, slots=True, eq=False)
class Distilled:
    """What :func:`distill` returns. ``student`` is the module that was trained, in evaluation mode; its ``folder``
    holds it in Hugging Face format, with the record and the checkpoints.
    """

    result: Result
    student: nn.Module
    tokenizer: Any

    @property
    def folder(self) -> Path:
        """The folder of the run."""
        return self.result.folder

    @property
    def before(self) -> Scores:
        """The student's scores on held-out text before the first step."""
        return self.result.before

    @property
    def after(self) -> Scores:
        """Its scores at the end."""
        return self.result.after

    @property
    def teacher(self) -> Likelihood:
        """The teacher's likelihood of the same text."""
        return self.result.teacher

    def __repr__(self) -> str:
        lines = [f"run: {self.folder}, {self.result.step} steps", f"before  {summary(self.before)}"]
        return "\n".join([*lines, f"after   {summary(self.after)}"])


def distill(
    teacher: str | os.PathLike[str] | nn.Module,
    student: str | os.PathLike[str] | nn.Module,
    dataset: Any = "embedded",  # noqa: ANN401 - a name, texts, or a data set
    recipe: Recipe | Mapping[str, Any] | str | os.PathLike[str] | None = None,
    *,
    teacher_tokenizer: Any = None,  # noqa: ANN401 - transformers' tokenizers have no common type
    student_tokenizer: Any = None,  # noqa: ANN401
    held_out: Any = None,  # noqa: ANN401
    progress: bool = True,
    resume: str | os.PathLike[str] | None = None,
    trust: bool = False,
) -> Distilled:
    """Distil ``teacher`` into ``student`` on ``dataset`` and return the student with its scores.

    Models are names, as in a recipe, or loaded causal LMs, which need their tokenizers. A loaded student is trained in
    place, in float32; a loaded teacher is frozen, and takes the type of the run unless the recipe sets
    ``teacher.dtype``. ``dataset`` and ``held_out`` are names, as in a recipe, lists of texts, or a
    ``datasets.Dataset``; what is in memory is written beside the runs, so that the run can be looked at, repeated and
    resumed. ``recipe`` is a TOML file, a :class:`Recipe`, or a mapping, by section or by dotted key
    (``{"train.max_steps": 100}``). ``resume`` goes on with a run from its newest checkpoint, by its own recipe: give
    loaded models again; ``trust`` says that the run is your own, where its recipe names code or places to write to. In
    a notebook, and on a terminal, ``progress`` shows a bar; without it the libraries' bars are hidden too.

    Raises UserError, with one line, for whatever the command line refuses with one.
    """
    tree = _tree(recipe)
    texts = Path(tree.get("output", {}).get("folder", Recipe().output.folder)) / TEXTS
    given = Given(
        teacher=teacher if isinstance(teacher, nn.Module) else None,
        student=student if isinstance(student, nn.Module) else None,
        teacher_tokenizer=None if _is_name(teacher_tokenizer) else teacher_tokenizer,
        student_tokenizer=None if _is_name(student_tokenizer) else student_tokenizer,
    )
    with places(), nullcontext() if progress else without_bars():
        changes = {
            **_model("teacher", teacher, teacher_tokenizer),
            **_model("student", student, student_tokenizer),
            "data.text": _source(dataset, texts),
            **({} if held_out is None else {"data.held_out": _source(held_out, texts)}),
        }
        rank, processes = failure.world()
        folder = None if resume is None else folders.existing(Path(resume))
        if folder is None:
            origin = os.fspath(recipe) if isinstance(recipe, str | os.PathLike) else "the recipe"
            chosen = recipes.parse(recipes.tree({**tree, **changes}), origin)
            folders.check(chosen.output.folder)
        else:
            chosen = _resumed(folder, processes)
            consent.check(folder, chosen, trust=trust)
        _ready(given)
        plan = make_plan(chosen, processes, given)
        into = folder or folders.shared(chosen, plan.device)
        with folders.held(into), _watch(plan.steps, shown=progress and rank == 0) as watch:
            result = train(plan, into, watch, resume=folder is not None)
        return Distilled(result, plan.pair.student.eval(), plan.pair.readers.student.tokenizer)


def _tree(recipe: Recipe | Mapping[str, Any] | str | os.PathLike[str] | None) -> dict[str, Any]:
    """Return the recipe as sections of plain values."""
    if recipe is None:
        return {}
    if isinstance(recipe, Recipe):
        return recipe.model_dump(exclude_unset=True)
    if isinstance(recipe, Mapping):
        return recipes.tree(copy.deepcopy(dict(recipe)))
    if not isinstance(recipe, str | os.PathLike):
        raise UserError(f"a recipe is a TOML file, a Recipe or a mapping, not {type(recipe).__name__}")
    return recipes.tree({}, Path(recipe))


def _is_name(given: object) -> bool:
    return given is None or isinstance(given, str | os.PathLike)


def _model(role: str, model: object, tokenizer: object) -> dict[str, Any]:
    """Return what the recipe says of a model. Raises UserError for one that is neither a name nor loaded."""
    told: dict[str, Any] = {}
    if isinstance(model, nn.Module):
        if tokenizer is None:
            raise UserError(f"a loaded {role} needs its tokenizer: pass {role}_tokenizer")
        # a name beside it is only what the record calls it
        told[f"{role}.model"] = str(
            getattr(getattr(model, "config", None), "_name_or_path", "") or type(model).__name__
        )
    elif _is_name(model) and model is not None:
        told[f"{role}.model"] = os.fspath(model)  # type: ignore[call-overload]
    else:
        raise UserError(f"the {role} must be a name or a loaded model, not {type(model).__name__}")
    if isinstance(tokenizer, str | os.PathLike):
        told[f"{role}.tokenizer"] = os.fspath(tokenizer)
    return told


def _source(dataset: Any, texts: Path) -> Any:  # noqa: ANN401
    """Return a name for what holds the texts; what is in memory is written to a file first. Raises UserError."""
    if isinstance(dataset, str | os.PathLike):
        return os.fspath(dataset)
    if isinstance(dataset, float):
        return dataset
    if hasattr(dataset, "to_parquet") and hasattr(dataset, "column_names"):
        mark = str(getattr(dataset, "_fingerprint", "") or hashlib.blake2b(repr(dataset).encode()).hexdigest()[:16])
        return _written(texts / f"{mark}.parquet", lambda path: dataset.to_parquet(str(path)))
    if not isinstance(dataset, Iterable) or isinstance(dataset, Mapping):
        what = type(dataset).__name__
        raise UserError(f"a data set must be a name, texts, or one split of a datasets.Dataset, not {what}")
    lines = []
    for text in dataset:
        if not isinstance(text, str):
            told = "; give chats as a JSON lines file, or as a datasets.Dataset" if isinstance(text, Mapping) else ""
            raise UserError(f"texts must be strings, and one of them is {type(text).__name__}{told}")
        lines.append(json.dumps({"text": text}))
    if not lines:
        raise UserError("there is no text: the data set is empty; give texts, or a data set that holds some")
    content = "".join(f"{line}\n" for line in lines).encode()
    name = f"{hashlib.blake2b(content, digest_size=8).hexdigest()}.jsonl"
    return _written(texts / name, lambda path: path.write_bytes(content))


def _written(path: Path, write: Callable[[Path], object]) -> str:
    """Write a file unless it is there; it is there whole or not at all. Raises UserError."""
    if not path.exists():
        temporary = path.with_name(f".{os.getpid()}.{path.name}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write(temporary)
            temporary.replace(path)
        except OSError as error:
            temporary.unlink(missing_ok=True)
            told = f"cannot write the texts to {path.parent} ({error.strerror or error})"
            raise UserError(f"{told}: make room, or set output.folder to another folder") from None
    return str(path)


def _resumed(folder: Path, processes: int) -> Recipe:
    from sad.train.saving import checkpoint

    # said before the models are loaded, which takes long
    checkpoint.newest(folder)
    return elastic.fitted(recipes.load(folder / folders.RECIPE, {}), checkpoint.per_step(folder), processes)


def _ready(given: Given) -> None:
    """Freeze a teacher and give a student the type that it is trained in. Raises UserError if nothing would learn."""
    if given.teacher is not None:
        given.teacher.eval().requires_grad_(False)
    if given.student is not None:
        if not any(p.requires_grad for p in given.student.parameters()):
            raise UserError("no weight of the student is to be trained: call its requires_grad_(True)")
        given.student.float()


def _watch(total: int, *, shown: bool) -> AbstractContextManager[Watcher]:
    """Return a bar where one can move, else plain lines, or silence."""
    if not shown:
        return Lines(total, lambda _: None)
    console = patient_console(quiet=False)
    # a bar in a notebook is a widget
    if console.is_jupyter and find_spec("ipywidgets") is None:
        return Lines(total, print)
    moves = console.is_jupyter or (console.is_terminal and not console.is_dumb_terminal)
    return Bar(total, console) if moves else Lines(total, print)
