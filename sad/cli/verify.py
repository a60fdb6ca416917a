"""The command line of `sad verify`: the catalogue, someone's own code, or a run before it starts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import typer

from sad.cli import completion
from sad.cli.grouped import Group, grouped
from sad.cli.options import JSON, number, overrides, setting
from sad.errors import UserError

_CODE, _RUN = "Your own code", "The run that you are about to start"


def _code(metavar: str, what: str, **more: Any) -> Any:  # noqa: ANN401 - typer's options have no common type
    return typer.Option(metavar=metavar, help=what, rich_help_panel=_CODE, **more)


def _run(metavar: str, what: str) -> Any:  # noqa: ANN401
    return typer.Option(metavar=metavar, help=what, rich_help_panel=_RUN)


_CODES = typer.Argument(
    help="Codes (V104), their beginnings (V1) or names.", metavar="CODE", autocompletion=completion.bugs
)
_ALL = typer.Option("--all", help="The whole catalogue; without it, and without codes, the core (V1).")
_JOBS = number("Processes.", min=1, show_default="one a core; 1 for chosen codes")
_MATRIX = typer.Option("--matrix", help="Show which property catches which bug.")
_TOKENIZERS = _code("TEACHER STUDENT", "How two tokenizers relate; with --alignment, judge it on them too.")
_ONLY = _code("PROPERTY", "Properties to judge, by name or number.", autocompletion=completion.properties)
_GIVEN = typer.Option(
    "--given",
    metavar="NAME=WHAT",
    help="What a parameter or setting is whose name does not tell: a value, or teacher_logits, labels, …",
    rich_help_panel=_CODE,
)
_SOURCE = typer.Option(
    "--source", metavar="PATH", help="Files or folders that are read, not run.", rich_help_panel=_CODE
)
_STEP = _code("PLACE:NAME", "A training step or loop, a Trainer of transformers, or train.py: its loop.")


@dataclass(frozen=True)
class Catalogue(Group):
    """Which bugs, and what is shown of them."""

    codes: Annotated[list[str] | None, _CODES] = None
    everything: Annotated[bool, _ALL] = False
    jobs: Annotated[int | None, _JOBS] = None
    as_matrix: Annotated[bool, _MATRIX] = False
    as_list: Annotated[bool, typer.Option("--list", help="List the bugs, judge none.")] = False


@dataclass(frozen=True)
class Code(Group):
    """Someone's code, by its interface."""

    loss: Annotated[str | None, _code("PLACE:NAME", "package.module:function, :Class, or file.py:name.")] = None
    collator: Annotated[str | None, _code("PLACE:NAME", "What makes a batch of texts, named likewise.")] = None
    evaluator: Annotated[str | None, _code("PLACE:NAME", "What scores a model on batches.")] = None
    step: Annotated[str | None, _STEP] = None
    alignment: Annotated[str | None, _code("PLACE:NAME", "What pairs the tokens of two tokenizers.")] = None


@dataclass(frozen=True)
class Judging(Group):
    """How it is judged."""

    adapter: Annotated[Path | None, _code("FILE.py", "Python file that says how your code is called.")] = None
    gives: Annotated[list[str] | None, _GIVEN] = None
    timeout: Annotated[float | None, _code("SECONDS", "For each property.", show_default="60")] = None
    only: Annotated[list[str] | None, _ONLY] = None
    junit: Annotated[Path | None, _code("FILE", "Write the verdict as JUnit XML.")] = None
    seed: Annotated[int, _code("N", "Seed of the random inputs.")] = 0


@dataclass(frozen=True)
class Run(Group):
    """A run that has not begun."""

    teacher: Annotated[str | None, _run("MODEL", "The teacher of the run, as in sad train.")] = None
    student: Annotated[str | None, _run("MODEL", "The student of the run.")] = None
    data: Annotated[str | None, _run("TEXT", "The text of the run.")] = None
    config: Annotated[Path | None, _run("FILE", "Recipe of the run in TOML; flags go on top of it.")] = None
    sets: Annotated[list[str] | None, setting("train.batch_size=4", _RUN)] = None
    write_fix: Annotated[Path | None, _run("FILE", "Write the mended recipe to this file.")] = None


@grouped
def verify(
    *,
    catalogue: Catalogue,
    as_json: Annotated[bool, JSON] = False,
    code: Code,
    source: Annotated[list[Path] | None, _SOURCE] = None,
    tokenizers: Annotated[tuple[str, str] | None, _TOKENIZERS] = None,
    judging: Judging,
    run: Run,
) -> None:
    """Reproduce real bugs, catch each, and show the code that trains to be free of it.

    With --loss, --collator, --evaluator, --step or --alignment: judge that code of yours.

    With --source: read code without running it, and tell the faults that its lines show.

    With --teacher, --student, --data, --config or --set: examine that run before it starts.

    Exit 0 if all is right, 1 if something is wrong, 2 if it cannot be judged.
    """
    if tokenizers is not None and not all(tokenizers):
        raise UserError("--tokenizers: the name of a tokenizer is empty: give its folder, or a hub id")
    if source and catalogue.codes:
        # `--source src tests`: what stands behind are paths too
        source = [*source, *map(Path, catalogue.codes)]
        catalogue = replace(catalogue, codes=None)
    of_two = tokenizers is not None and not (code.alignment or judging.adapter)
    wanted = {
        "the catalogue": catalogue.given,
        "two tokenizers": of_two,
        "your code": code.given or judging.given,
        "a source": source,
        "a run": run.given,
    }
    judged = _judged(wanted, code.given)
    if judged == "your code":
        from sad.judge.command import run_judge

        status = run_judge(code.given, **judging.given, as_json=as_json, tokenizers=tokenizers)
    elif judged == "a source":
        from sad.source.command import run_source

        status = run_source(source or [], as_json=as_json)
    elif judged == "two tokenizers":
        assert tokenizers is not None, "two were asked for"
        from sad.verify.tokenizers import run_tokenizers

        status = run_tokenizers(*tokenizers, as_json=as_json)
    elif judged == "a run":
        from sad.preflight.command import run_preflight

        models = {"teacher.model": run.teacher, "student.model": run.student, "data.text": run.data}
        status = run_preflight(run.config, overrides(models), run.sets or [], run.write_fix, as_json=as_json)
    else:
        status = _catalogue(catalogue, as_json=as_json)
    raise typer.Exit(status)


def _catalogue(asked: Catalogue, *, as_json: bool) -> int:
    from sad.verify.command import Wanted, cores, run_verify

    codes = tuple(asked.codes or ())
    if codes and asked.everything:
        raise UserError(f"--all and {' '.join(codes)} at once: give --all for the whole catalogue, or only the codes")
    if asked.as_list and asked.as_matrix:
        raise UserError("--list and --matrix are 2 answers: give one of them")
    many = asked.jobs or (1 if codes else cores())
    chosen = Wanted(codes, asked.everything, many)
    return run_verify(chosen, as_json=as_json, as_list=asked.as_list, as_matrix=asked.as_matrix)


def _judged(wanted: Mapping[str, object], code: Mapping[str, str]) -> str:
    """Return what the flags ask to judge; "" if they say nothing. Raises UserError for more than one thing."""
    if empty := [f"--{interface}" for interface, name in code.items() if not name.strip()]:
        raise UserError(f"{empty[0]} is empty: name your code as PLACE:NAME")
    asked = [what for what, given in wanted.items() if given]
    if len(code) > 1:
        asked = [*(f"--{interface}" for interface in code), *(what for what in asked if what != "your code")]
    if len(asked) > 1:
        raise UserError(f"{' and '.join(asked)} at once: one call of sad verify judges one of them")
    return "".join(asked)
