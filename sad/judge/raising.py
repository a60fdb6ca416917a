"""What is said of code that raises: whether that is its own fault, or one of what stands for its models and batches."""

from __future__ import annotations

import re
import traceback
from collections.abc import Sequence
from pathlib import Path

from sad.judge.callers import installed
from sad.judge.stand_in import NeedsAdapterError
from sad.judge.target import said
from sad.judge.unknown import spoken, unknown
from sad.judge.unset import never_set

LACKING = re.compile(
    r"AttributeError: '(Recaller|Bigram|Bare|Loader|Batch|TrainingArguments|Seq2SeqTrainingArguments)' object has no "
    r"attribute '(\w+)'|AttributeError: (\w*Tokenizer\w*) has no attribute (\w+)"
)
"""What is raised where code asks a stand-in of ours for more than it has."""


class CannotRunError(Exception):
    """It raises however it is called; the sentence says what."""


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
