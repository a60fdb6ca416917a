"""The words of `sad verify`: the catalogue, someone's own code, or a run before it starts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sad.cli import completion
from sad.errors import UserError

_CODE, _RUN = "Your own code", "The run that you are about to start"


def verify(
    codes: Annotated[
        list[str] | None,
        typer.Argument(
            help="Codes (V104), their beginnings (V1) or names.", metavar="CODE", autocompletion=completion.bugs
        ),
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="The whole catalogue; without it, and without codes, the core (V1).")
    ] = False,
    jobs: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Processes; if not set one a core, and 1 for chosen codes.")
    ] = None,
    as_matrix: Annotated[bool, typer.Option("--matrix", help="Show which property catches which bug.")] = False,
    as_list: Annotated[bool, typer.Option("--list", help="List the bugs, judge none.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    loss: Annotated[
        str | None,
        typer.Option(
            metavar="PLACE:NAME", help="package.module:function, :Class, or file.py:name.", rich_help_panel=_CODE
        ),
    ] = None,
    collator: Annotated[
        str | None,
        typer.Option(metavar="PLACE:NAME", help="What makes a batch of texts, named likewise.", rich_help_panel=_CODE),
    ] = None,
    evaluator: Annotated[
        str | None,
        typer.Option(metavar="PLACE:NAME", help="What scores a model on batches.", rich_help_panel=_CODE),
    ] = None,
    step: Annotated[
        str | None,
        typer.Option(
            metavar="PLACE:NAME", help="A training step or loop, or a Trainer of transformers.", rich_help_panel=_CODE
        ),
    ] = None,
    alignment: Annotated[
        str | None,
        typer.Option(metavar="PLACE:NAME", help="What pairs the tokens of two tokenizers.", rich_help_panel=_CODE),
    ] = None,
    tokenizers: Annotated[
        tuple[str, str] | None,
        typer.Option(
            metavar="TEACHER STUDENT",
            help="How two tokenizers relate; with --alignment, judge it on them too.",
            rich_help_panel=_CODE,
        ),
    ] = None,
    adapter: Annotated[
        Path | None,
        typer.Option(metavar="FILE.py", help="Python file that says how your code is called.", rich_help_panel=_CODE),
    ] = None,
    timeout: Annotated[
        float | None, typer.Option(metavar="SECONDS", help="For each property; 60 if not set.", rich_help_panel=_CODE)
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PROPERTY",
            help="Properties to judge, by name or number.",
            rich_help_panel=_CODE,
            autocompletion=completion.properties,
        ),
    ] = None,
    junit: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the verdict as JUnit XML.", rich_help_panel=_CODE)
    ] = None,
    seed: Annotated[int, typer.Option(metavar="N", help="Seed of the random inputs.", rich_help_panel=_CODE)] = 0,
    teacher: Annotated[
        str | None, typer.Option(metavar="MODEL", help="The teacher of the run, as in sad train.", rich_help_panel=_RUN)
    ] = None,
    student: Annotated[
        str | None, typer.Option(metavar="MODEL", help="The student of the run.", rich_help_panel=_RUN)
    ] = None,
    data: Annotated[str | None, typer.Option(metavar="TEXT", help="The text of the run.", rich_help_panel=_RUN)] = None,
    config: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Recipe of the run in TOML; flags go on top of it.", rich_help_panel=_RUN),
    ] = None,
    sets: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Any key of the recipe: train.batch_size=4; may be given again.",
            rich_help_panel=_RUN,
            autocompletion=completion.recipe_keys,
        ),
    ] = None,
    write_fix: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the mended recipe to this file.", rich_help_panel=_RUN)
    ] = None,
) -> None:
    """Reproduce real bugs, catch each, and show the code that trains to be free of it. Exit 0 if all hold, else 1.

    With --loss, --collator, --evaluator, --step or --alignment: judge that code of yours. Exit 1 if something is
    broken, 2 if it cannot be judged.
    With --teacher, --student, --data, --config or --set: examine that run before it starts. Exit 1: something is wrong.
    """
    flags = {"teacher.model": teacher, "student.model": student, "data.text": data}
    run = {key: value for key, value in flags.items() if value is not None}
    named = {"loss": loss, "collator": collator, "evaluator": evaluator, "step": step, "alignment": alignment}
    code = {interface: name for interface, name in named.items() if name is not None}
    if empty := [f"--{interface}" for interface, name in code.items() if not name.strip()]:
        raise UserError(f"{empty[0]} is empty: name your code as PLACE:NAME")
    wanted = {
        "the catalogue": codes or everything or jobs or as_matrix or as_list,
        "two tokenizers": tokenizers and not alignment and not adapter,
        "your code": code or adapter or timeout or only or junit or seed,
        "a run": run or config or sets or write_fix,
    }
    asked = [what for what, given in wanted.items() if given]
    asked += [f"--{interface}" for interface in code][1:]
    if len(asked) > 1:
        raise UserError(f"{' and '.join(asked)} at once: one call of sad verify judges one of them")
    if codes and everything:
        raise UserError(f"--all and {' '.join(codes)} at once: give --all for the whole catalogue, or only the codes")
    if asked == ["your code"]:
        from sad.judge.command import run_judge

        status = run_judge(
            code,
            adapter=adapter,
            timeout=timeout,
            only=only or [],
            junit=junit,
            as_json=as_json,
            seed=seed,
            tokenizers=tokenizers,
        )
    elif asked == ["two tokenizers"]:
        assert tokenizers is not None, "two were asked for"
        from sad.verify.tokenizers import run_tokenizers

        status = run_tokenizers(*tokenizers, as_json=as_json)
    elif asked == ["a run"]:
        from sad.preflight.command import run_preflight

        status = run_preflight(config, run, sets or [], write_fix, as_json=as_json)
    else:
        from sad.verify.command import Wanted, cores, run_verify

        many = jobs or (1 if codes else cores())
        chosen = Wanted(tuple(codes or ()), everything, many)
        status = run_verify(chosen, as_json=as_json, as_list=as_list, as_matrix=as_matrix)
    raise typer.Exit(status)
