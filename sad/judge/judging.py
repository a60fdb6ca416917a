"""Judges code of any interface but a loss, line by line: how it is called is found out first, then each property."""

from __future__ import annotations

import importlib
import inspect
import re
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from sad.errors import UserError
from sad.judge import told
from sad.judge.battery import chosen, numbers
from sad.judge.callers import installed
from sad.judge.free import opened
from sad.judge.interface import Interface
from sad.judge.lifted import because
from sad.judge.missing import placeholders
from sad.judge.output import article
from sad.judge.renamed import renamed
from sad.judge.report import Event, Line
from sad.judge.stand_in import NeedsAdapterError
from sad.judge.target import load, owner, said
from sad.judge.texts import text_of
from sad.judge.unknown import spoken, unknown
from sad.judge.unset import never_set
from sad.verdict import Standing, Verdict

FOUND = {
    Interface.COLLATOR: "sad.judge.collators.found",
    Interface.EVALUATOR: "sad.judge.evaluators.found",
    Interface.STEP: "sad.judge.steps.found",
    Interface.ALIGNMENT: "sad.judge.alignments.found",
}
"""Where ``found(code)`` is, which finds out how code of an interface is called."""

LACKING = re.compile(
    r"AttributeError: '(Recaller|Bigram|Bare|Loader|Batch|TrainingArguments|Seq2SeqTrainingArguments)' object has no "
    r"attribute '(\w+)'|AttributeError: (\w*Tokenizer\w*) has no attribute (\w+)"
)
"""What is raised where code asks a stand-in of ours for more than it has."""
Check = Callable[[], Verdict]


class CannotRunError(Exception):
    """It raises however it is called; the sentence says what."""


@dataclass(frozen=True, slots=True)
class Code:
    """Someone's code. ``owner`` is the class that a method was taken from, ``adapter`` the function that calls it;
    ``tokenizers`` are the names of a teacher's and a student's, where an alignment is judged on them too.
    """

    target: Any
    owner: type | None = None
    adapter: Callable[..., Any] | None = None
    tokenizers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Judged:
    """What code was found to be, how it is called, and what is asked of it, by the name of the property."""

    what: str
    assumed: Sequence[str]
    checks: Mapping[str, Check] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Named:
    """Code by the words of the command line."""

    interface: Interface
    target: str | None
    adapter: str | None = None
    tokenizers: tuple[str, ...] = ()

    def code(self, stood: list[str] | None = None) -> Code:
        """Import it; with ``stood``, placeholders stand for modules that are not installed, and are added to it.

        Raises UserError where there is no such thing, or importing it raises.
        """
        target, of = (None, None) if self.target is None else (opened(load(self.target, stood)), owner(self.target))
        if self.adapter is None:
            assert self.target is not None, "a request names code or an adapter"
            return Code(target, of, None, self.tokenizers)
        name = self.interface.adapted
        try:
            return Code(target, of, load(f"{self.adapter}:{name}"), self.tokenizers)
        except UserError as error:
            if f"has no {name}" not in str(error):
                raise
            raise UserError(f"--adapter {self.adapter}: define {name}(given) or {name}(given, target)") from None


def judging(
    of: Named | Code,
    name: str,
    *,
    interface: Interface | None = None,
    only: tuple[str, ...] = (),
    skip: tuple[str, ...] = (),
) -> Iterator[Event]:
    """Judge code; each event is told as soon as it happens, as `sad.judge.losses.session.session` does.

    Raises UserError where how it is called cannot be told.
    """
    interface = of.interface if isinstance(of, Named) else interface
    assert interface is not None, "code comes with its interface"
    wanted = [one for one in chosen(only, interface) if one not in skip]
    stood: list[str] = []
    code = of.code(stood) if isinstance(of, Named) else of
    if code.adapter is None and not callable(code.target):
        raise UserError(f"{name} is {article(type(code.target).__name__)}: give a function, a class or what is called")
    with renamed(code.target, code.owner) as read:
        yield from _judged(replace(code, target=read), name, interface, wanted, stood)


def _judged(code: Code, name: str, interface: Interface, wanted: Sequence[str], stood: list[str]) -> Iterator[Event]:
    yield {"start": "can_be_called"}
    began = time.perf_counter()
    try:
        judged: Judged = importlib.import_module(FOUND[interface]).found(code)
    except UserError:
        raise
    except CannotRunError as error:
        if lacking := LACKING.search(str(error)):
            raise lacks(lacking) from None
        yield _line("can_be_called", Verdict(False, str(error)), interface, name, began)
        return
    except (Exception, SystemExit) as error:
        if lacking := LACKING.search(said(error)):
            raise lacks(lacking) from None
        yield _line("can_be_called", Verdict(False, raised(error)), interface, name, began)
        return
    assumed = [*judged.assumed, *told.assumed(), *because(code.target), *placeholders(stood)]
    yield {"what": judged.what, "assumed": assumed}
    for one in wanted:
        began = time.perf_counter()
        yield {"start": one}
        yield _line(one, _verdict(judged.checks[one]), interface, name, began)


def lacks(lacking: re.Match[str]) -> NeedsAdapterError:
    """Return what is said where code asks a stand-in for more than it has."""
    of, name = (one for one in lacking.groups() if one)
    return NeedsAdapterError(f"it asks {of} for .{name}, which the stand-in has not")


def raised(error: BaseException) -> str:
    """Say what was raised."""
    if isinstance(error, SystemExit):
        return f"raises {said(error)}, which would end the program"
    return f"raised {said(error)}"


OTHER_FORM = re.compile(
    r"values to unpack|indices must be|'(tuple|list|str|Tensor)' object|only integer|too many indices|not iterable"
    r"|unhashable type|must be Tensor, not|^\w+$"
)
"""What is raised at a batch of another form than the one that is meant; a name alone is one that a batch has not."""


def telling(failed: Sequence[BaseException]) -> BaseException:
    """Return the error that tells most of those that forms of batches raised: the first that is not about the form."""
    return next((one for one in failed if not OTHER_FORM.search(str(one))), failed[0])


def refused(error: BaseException, given: str, first: BaseException | None = None) -> Exception:
    """Return why code cannot be judged that raises in every form: it is broken, or what stands for its models and
    batches may be the reason, for this error or for the ``first`` one.
    """
    if name := _of_a_program(error):
        return NeedsAdapterError(f"it reads {name}, which its file sets only where it is run as a program")
    if name := _of_a_star(error):
        return NeedsAdapterError(f"it reads {name}, which it may have from a module that is not installed here")
    if name := next((n for one in (error, first) if one is not None and (n := _unknown(one))), ""):
        return unknown(name)
    if isinstance(error, FileNotFoundError):
        return NeedsAdapterError(f"it {raised(error)}: a file of its program is not here")
    if isinstance(error, ModuleNotFoundError) and error.name:
        return NeedsAdapterError(f"it needs the module {error.name}, which is not installed here")
    says = f"{raised(error)}, given {given}; no other form of batches runs either"
    ours = any(guesses(one) for one in (error, first) if one is not None)
    return NeedsAdapterError(f"it {says}: a guess in part") if ours else CannotRunError(says)


def refuses(error: BaseException) -> bool:
    """Whether code of a program says itself that it does not go on: by `raise`, in words."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return not installed(last.filename) and (last.line or "").startswith("raise ")


def _unknown(error: BaseException) -> str:
    """Return the name of something unknown that an error speaks of, '' for none."""
    return spoken(str(error)) or ("a setting" if "'Unknown'" in str(error) else "")


def guesses(error: BaseException) -> bool:
    """Whether what stands for its models and batches may be the reason of an error."""
    told = "module '" in str(error) or LACKING.search(raised(error)) or never_set(error)
    guessed = AttributeError | KeyError | IndexError | TypeError | AssertionError | UnboundLocalError
    return not told and (isinstance(error, guessed) or "values to unpack" in str(error))


def _of_a_star(error: BaseException) -> str:
    """Return a global that lacks in a file that takes all names of another module; '' for none."""
    text = _file_of(error)
    return str(getattr(error, "name", "")) if re.search(r"^[ \t]*from\s+\S+\s+import\s+\*", text, re.MULTILINE) else ""


def _file_of(error: BaseException) -> str:
    """Return the text of the file in which a global lacked, '' for another error."""
    trace = error.__traceback__
    if type(error) is not NameError or trace is None:
        return ""
    while trace.tb_next is not None:
        trace = trace.tb_next
    try:
        return Path(trace.tb_frame.f_code.co_filename).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""


def _of_a_program(error: BaseException) -> str:
    """Return a global that lacks, and that its file assigns somewhere else than where it is imported; '' for none."""
    text, name = _file_of(error), str(getattr(error, "name", ""))
    sets = rf"^[ \t]+(global )?{re.escape(name)}( *:[^=\n]*)? *=[^=]"
    return name if text and re.search(sets, text, re.MULTILINE) else ""


def file_of(code: Code) -> str:
    """Return the text of the file that code is in, '' where there is none to read."""
    target: Any = code.target if inspect.isroutine(code.target) or isinstance(code.target, type) else type(code.target)
    try:
        return Path(inspect.getsourcefile(target) or "").read_text(encoding="utf-8", errors="replace")
    except (OSError, TypeError):
        return ""


def source(code: Code) -> str:
    """Return the source of code, '' where there is none to read."""
    target: Any = code.target if inspect.isroutine(code.target) or isinstance(code.target, type) else type(code.target)
    # a bound method by its function: what it is bound to need not be hashable
    return _text(getattr(target, "__func__", target))


@cache
def _text(target: Any) -> str:  # noqa: ANN401 - whatever is called
    try:
        text = text_of(target)
    except (OSError, TypeError):
        return ""
    base = getattr(target, "__mro__", ())[1:-1]
    own = [one for one in base if one.__module__ == target.__module__]
    return "\n".join([text, *map(text_of, own)])


def reached(code: Code) -> str:
    """Return the source of code with that of the functions of its module that it names, and those that they name."""
    text = source(code)
    beside = getattr(inspect.unwrap(code.target) if callable(code.target) else code.target, "__globals__", None)
    beside = beside or vars(sys.modules.get(getattr(code.target, "__module__", ""), object))
    left = {name: one for name, one in beside.items() if inspect.isfunction(one) and one is not code.target}
    while named := [name for name in left if re.search(rf"\b{re.escape(name)}\b", text)]:
        for name in named:
            one = left.pop(name)
            text += source(Code(one, None, None)) if one.__globals__ is beside else ""
    return text


def _verdict(check: Check) -> Verdict:
    try:
        return check()
    except NeedsAdapterError as error:
        return Verdict(True, str(error), standing=Standing.NOT_APPLICABLE)
    except (Exception, SystemExit) as error:
        return Verdict(False, raised(error))


def _line(one: str, verdict: Verdict, interface: Interface, name: str, began: float) -> dict[str, Any]:
    line = Line(
        one,
        verdict.standing,
        verdict.says,
        {key: float(number) for key, number in verdict.numbers.items()},
        verdict.example,
        f"sad verify {interface.flag} {name} --only {one}",
        time.perf_counter() - began,
        numbers(interface).get(one, ""),
    )
    return {"line": line}
