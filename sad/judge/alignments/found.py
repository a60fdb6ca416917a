"""From someone's alignment to what is asked of it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from sad import tiny
from sad.judge.alignments import checks
from sad.judge.alignments.call import Call, Part
from sad.judge.alignments.pairs import WrongPairsError
from sad.judge.judging import Code, Judged, source
from sad.judge.raising import CannotRunError, raised
from sad.judge.stand_in import NeedsAdapterError
from sad.verdict import Verdict

CHECKS: dict[str, Callable[[Call], Verdict]] = {
    "can_be_called": checks.can_be_called,
    "text_alignment": checks.text,
    "text_kept": checks.text_kept,
    "ids_permuted": checks.ids_permuted,
    "given_pair": checks.given_pair,
}


def found(code: Code) -> Judged:
    """Find out how an alignment is called. Raises ``CannotRunError`` where it raises, UserError where it cannot be told
    how it is called.
    """
    call = Call(code)
    try:
        aligned, *_ = call(checks.SENTENCE, *(tiny.reader(size) for size in checks.PAIR))
    except NeedsAdapterError:
        raise
    except WrongPairsError as error:
        raise CannotRunError(str(error)) from None
    except (Exception, SystemExit) as error:
        raise CannotRunError(raised(error)) from None
    said = ["called as its adapter says"]
    if code.adapter is None:
        roles = call.roles()
        if any(part is Part.OFFSETS for part, _ in roles.values()):
            # offsets of a tokenizer are in characters
            call = call.other(bytewise="byte" in source(code).lower())
        said = [f"{name} is {_told(part, whose, call)}" for name, (part, whose) in roles.items()]
    said.append(f"it returns {aligned.says}; texts are read without marks")
    return Judged("an alignment", said, {name: partial(check, call) for name, check in CHECKS.items()})


def _told(part: Part, whose: str, call: Call) -> str:
    if not whose:
        return part.value
    unit = Part.BYTES if part is Part.OFFSETS and call.bytewise else part
    return f"the {whose}'s {unit.value}"
