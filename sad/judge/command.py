"""`sad verify --loss` and its like: judges someone's code in a child process, shows what is found line by line."""

from __future__ import annotations

import ast
import json
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console

from sad.errors import UserError
from sad.judge.battery import chosen
from sad.judge.gives import parse
from sad.judge.interface import ADAPTED, Interface
from sad.judge.junit import writable, write
from sad.judge.process import TIMEOUT, judge
from sad.judge.target import split
from sad.judge.view import View
from sad.source.beside import of_target
from sad.source.read import Place
from sad.source.view import fields, line
from sad_doctor.record import spell
from sad_doctor.views.plain import line as safe

STOPPED = 130
MOST_SEED = 2**32 - 1
"""Of the random inputs; the generator takes larger ones, but not the thousandfold that is made of them."""


def run_judge(
    code: Mapping[str, str],
    *,
    adapter: Path | None = None,
    gives: Sequence[str] = (),
    timeout: float | None = None,
    only: Sequence[str] = (),
    junit: Path | None = None,
    as_json: bool = False,
    seed: int = 0,
    tokenizers: tuple[str, str] | None = None,
) -> int:
    """Judge the code that ``code`` or ``adapter`` names, and show it.

    ``code`` is what is named, by its interface; with an adapter alone it is empty, and its file says which it is.
    ``gives`` is what is told of parameters and settings, as ``NAME=WHAT``. ``tokenizers`` are the teacher's and the
    student's, for an alignment. Returns 0 if nothing is broken, 1 if something is, 130 if interrupted. Raises
    UserError where it cannot be judged: no such module or name, or a way of calling it that cannot be told.
    """
    interface, target = next(((Interface(kind), name) for kind, name in code.items()), (None, None))
    if target is not None:
        split(target, program=interface is Interface.STEP)
    interface = interface or _adapted(adapter)
    _check_adapter(adapter, gives)
    parse(gives, interface)
    _check_seed(seed, interface)
    if tokenizers and interface is not Interface.ALIGNMENT:
        raise UserError(
            f"--tokenizers are for --alignment, or stand alone; {interface.flag} reads no text: leave them out"
        )
    if tokenizers:
        from sad.pair import load_tokenizer

        for one in tokenizers:
            load_tokenizer(one)
    if timeout is not None and not timeout > 0:
        raise UserError(f"--timeout {timeout:g}: give seconds above 0")
    writable(junit)
    wanted = [word for one in only for word in one.split(",") if word.strip()]
    chosen(tuple(wanted), interface)
    name = target or str(adapter)
    request = {"interface": interface.value, interface.value: target, "name": name, "only": wanted, "seed": seed}
    request |= {"adapter": str(adapter)} if adapter else {}
    request |= {"tokenizers": list(tokenizers)} if tokenizers else {}
    request |= {"given": list(gives)} if gives else {}
    more = ["--adapter", str(adapter)] if adapter else []
    more += [word for one in gives for word in ("--given", one)]
    more += ["--tokenizers", *tokenizers] if tokenizers else []
    request["more"] = f" {shlex.join(more)}" if more else ""
    view = View(Console(highlight=False))
    try:
        report = judge(request, timeout=timeout or TIMEOUT, tell=(lambda _: None) if as_json else view.line)
    except KeyboardInterrupt:
        print("sad verify: stopped", file=sys.stderr)  # noqa: T201 - beside the results, not among them
        return STOPPED
    if junit is not None:
        write(report, junit)
    seen = _read_instead(target) if report.code == 2 and target else []
    if as_json:
        document = report.document() | ({"source": [fields(one) for one in seen]} if seen else {})
        sys.stdout.write(json.dumps(spell(document), allow_nan=False, indent=1) + "\n")
    else:
        view.end(report)
        _show(seen)
    if report.code == 2:
        raise UserError(report.unjudged or f"{name}: no property was judged")
    return report.code


def _read_instead(target: str) -> list[Place]:
    """Return what the lines of code that could not be called tell by themselves: no verdict, places to look at."""
    return of_target(*split(target, program=True))


def _show(seen: Sequence[Place]) -> None:
    if seen:
        sys.stdout.write("not run; its source, only read, shows:\n")
        sys.stdout.writelines(f"  {safe(line(one))}\n" for one in seen)


def _check_adapter(adapter: Path | None, gives: Sequence[str]) -> None:
    if adapter is None:
        return
    if not adapter.is_file():
        raise UserError(f"--adapter: there is no file {adapter}; name a Python file")
    if adapter.suffix != ".py":
        raise UserError(f"--adapter: {adapter} is no Python file: name one that ends in .py")
    if gives:
        raise UserError("--given and --adapter at once: the adapter's file says what its code is given; leave one out")


def _check_seed(seed: int, interface: Interface) -> None:
    if seed and interface is not Interface.LOSS:
        raise UserError(
            f"--seed chooses the inputs of a loss; those of {interface.flag} are chosen already: leave it out"
        )
    if not 0 <= seed <= MOST_SEED:
        raise UserError(f"--seed {seed}: give a whole number from 0 to {MOST_SEED}")


def _adapted(adapter: Path | None) -> Interface:
    """Return for which interface an adapter alone is: that of the function that it defines. The file is only read."""
    if adapter is None:
        raise UserError("name the code to judge: --loss, --collator, --evaluator, --step or --alignment")
    try:
        tree = ast.parse(adapter.read_text(encoding="utf-8"))
    except (SyntaxError, UnicodeDecodeError, ValueError, OSError):
        # what is wrong with it is told where it is read
        return Interface.LOSS
    defined = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    return next((one for one, name in ADAPTED.items() if name in defined), Interface.LOSS)
