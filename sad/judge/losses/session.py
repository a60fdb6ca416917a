"""Judges one loss from beginning to end, line by line; what it needs is in this process."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator

from sad.errors import UserError
from sad.judge import told
from sad.judge.battery import OWN, chosen, stated
from sad.judge.losses import checks
from sad.judge.losses.adapter import Adapted
from sad.judge.losses.call import Call
from sad.judge.losses.configured import member
from sad.judge.losses.context import of_classes, with_helpers
from sad.judge.losses.coupling import RELATED, coupled
from sad.judge.losses.discover import CannotRunError
from sad.judge.losses.families import COSINE
from sad.judge.losses.found import Found, found
from sad.judge.losses.label_loss import beside_a_label_loss
from sad.judge.losses.layers import is_attention
from sad.judge.losses.leave_open import settled
from sad.judge.losses.listed import over_fewer
from sad.judge.losses.misread import MOST, given_as, guessed, of_rounding, uncertain, unpulled_without
from sad.judge.losses.no_divergence import form_of
from sad.judge.losses.no_effect import no_effect
from sad.judge.losses.words import other_words, words_of
from sad.judge.report import Event, Line
from sad.judge.roles import Role
from sad.judge.stand_in import NeedsAdapterError
from sad.judge.target import said
from sad.subjects.divergence import Divergence, Takes
from sad.verdict import Standing, Verdict

UNKNOWN = "none that I know"
"""What a loss is that no formula explains."""
NO_GPU = ("not compiled with CUDA", "Found no NVIDIA driver", "No CUDA GPUs are available")
STATES = re.compile(r"hidden|feat|state|repr|emb", re.IGNORECASE)
"""In the names of hidden states, which are judged as logits are: by their values."""


def session(
    subject: Call | Divergence,
    name: str,
    *,
    only: tuple[str, ...] = (),
    seed: int = 0,
    skip: tuple[str, ...] = (),
    more: str = "",
) -> Iterator[Event]:
    """Judge a loss; each event is told as soon as it happens. ``skip`` leaves out what ended an earlier process;
    ``more`` is added to the line that replays.

    Raises UserError where how it is called cannot be told.
    """
    name = f"{name}{more}"
    wanted = [one for one in chosen(only) if one not in skip]
    yield {"start": "can_be_called"}
    began = time.perf_counter()
    if isinstance(subject, Divergence):
        divergence, what = subject, subject.contract.kind.value
        whole = None
        yield {"what": f"{what}, as its contract says", "assumed": []}
    else:
        try:
            whole = found(form_of(subject, seed), seed)
        except UserError:
            raise
        except CannotRunError as error:
            if any(sign in str(error) for sign in NO_GPU):
                raise UserError(
                    f"it needs a GPU, and there is none here ({error}): judge it where there is one"
                ) from None
            if isinstance(subject, Call) and uncertain(subject, str(error)):
                said_of = f"it raised {error}, given {given_as(subject)}: a guess in part"
                raise NeedsAdapterError(said_of, *guessed(subject)[:MOST]) from None
            yield _line("can_be_called", Verdict(False, _raised(str(error))), name, seed, began)
            return
        except Exception as error:
            yield _line("can_be_called", Verdict(False, _raised(said(error))), name, seed, began)
            return
        if unpulled := unpulled_without(whole.shape.call, attached=whole.shape.sample.attached):
            raise NeedsAdapterError(f"no gradient reaches the student's logits, given {unpulled} as None")
        if of_rounding(whole.shape.call, whole.shape.sample):
            of = whole.shape.call
            said_of = f"nothing but rounding pulls, given {given_as(of)}: a guess in part"
            raise NeedsAdapterError(said_of, *guessed(of)[:MOST])
        divergence = whole.divergence
        what = whole.name if whole.known else "a loss on labels" if whole.label_loss else UNKNOWN
        yield {"what": what, "assumed": [*assumptions(whole), *told.assumed()], "call_seconds": _seconds(whole)}
    dead = whole is not None and not whole.shape.sample.attached
    for one in wanted:
        began = time.perf_counter()
        yield {"start": one}
        verdict = _own(one, whole) if one in OWN else _stated(one, divergence, whole, dead=dead)
        yield _line(one, verdict, name, seed, began)


def _seconds(whole: Found) -> float:
    """How long one call takes: what cannot be judged in time is slow, or hangs."""
    began = time.perf_counter()
    try:
        whole.shape.call(whole.shape.sample.given)
    except Exception:
        return 0.0
    return time.perf_counter() - began


def assumptions(whole: Found) -> list[str]:
    """Say how the loss was called, one sentence each."""
    call, form, of = whole.shape.call, whole.shape.call.form, whole.shape.sample.given
    if isinstance(call, Adapted):
        return ["called as its adapter says", *whole.notes]
    said_of = [
        f"{name} is {_told(role, name, call)}" for name, role in call.reading.roles.items() if role is not Role.DEFAULT
    ]
    kept = [name for name, role in call.reading.roles.items() if role is Role.DEFAULT]
    if call.built is not None:
        said_of += [
            f"{n} of its constructor is {_told(r, n, call)}"
            for n, r in call.built.roles.items()
            if r is not Role.DEFAULT
        ]
    said_of += [f"{name}, read from an object, is {_told(role, name, call)}" for name, role in call.asked.roles.items()]
    said_of += [call.asked.states] if call.asked.states else []
    said_of += ["the linear layers that it holds are the identity"] if call.asked.linear else []
    said_of += [f"{name}, a global that its program sets, is {role}" for name, role in call.asked.globals.items()]
    said_of += [f"{name}, read from an object, is {value!r}" for name, value in call.asked.plain.items()]
    batch, length, vocab = of.student_logits.shape
    shape = f"[{batch}, {length}, {vocab}]" if form.rank == 3 else f"[{batch * length}, {vocab}], rows of all sequences"
    shape = f"[{batch}, {vocab}, {length}, 1], [batch, vocab, height, width]" if form.rank == 4 else shape
    sides = [*call.reading.named(Role.STUDENT), *call.reading.named(Role.TEACHER)]
    things = "hidden states" if sides and all(map(STATES.search, sides)) else "logits"
    said_of.append(f"{things} are {shape}" if not form.chunks else f"{things} are a list of {form.chunks} chunks")
    if form.first:
        said_of.append("logits are the first of a list of outputs")
    if form.swapped:
        said_of.append("the teacher comes first")
    if form.flipped:
        said_of.append("a mask is 1 where a row does not count")
    if form.whole:
        said_of.append("no label is -100: it raises where one is")
    if kept:
        said_of.append(f"left at their defaults: {', '.join(kept)}")
    if call.picked:
        said_of.append(f"the loss is {call.picked}")
    return [*said_of, *whole.notes, *_in_step(whole), *over_fewer(whole.shape)]


def _in_step(whole: Found) -> list[str]:
    """Say which row is taken for which label, where the source cannot say how its caller shifts them."""
    call, contract = whole.shape.call, whole.divergence.contract
    if Takes.LABELS not in contract.takes or call.form.rank != 3 or of_classes(call) or call.takes(Role.MODEL):
        return []
    if contract.shift:
        return ["it shifts by itself: row i of the logits is for label i + 1"]
    return ["row i of the logits is for label i: its caller has shifted labels and masks before, or must"]


def _told(role: Role, name: str, call: Call) -> str:
    if name in call.settings:
        return f"{call.settings[name]:g}"
    form = call.form
    if name in call.classes and role in (Role.CONFIG, Role.WORD):
        of = call.classes[name]
        return f"an object of {of.__name__} with its defaults" if role is Role.CONFIG else str(member(of))
    if role is Role.WORD and (word := words_of(call).get(name)) is not None:
        return f"{word!r}; other words under `switches` alone" if other_words(call).get(name) else repr(word)
    if role in (Role.STUDENT, Role.TEACHER):
        mine = (role is Role.STUDENT) != form.swapped
        whose, space = ("student", form.student) if mine else ("teacher", form.teacher)
        return f"the {whose}'s {'hidden states' if call.hidden or STATES.search(name) else space.value}"
    if role is Role.BETA and form.beta not in (None, name):
        return "its default, or 0.5"
    return str(role.value)


def _own(name: str, whole: Found | None) -> Verdict:
    if whole is None:
        return Verdict(True, "a contract is given", standing=Standing.NOT_APPLICABLE)
    if name not in ("can_be_called", "claims") and not whole.shape.sample.attached:
        return Verdict(True, "no gradient", standing=Standing.NOT_APPLICABLE)
    check: Callable[[Found], Verdict] = getattr(checks, name)
    try:
        return check(whole)
    except Exception as error:
        return Verdict(False, _raised(said(error)))


def _stated(name: str, divergence: Divergence, whole: Found | None, *, dead: bool) -> Verdict:
    if dead:
        return Verdict(True, "no gradient to judge", standing=Standing.NOT_APPLICABLE)
    if whole is None:
        return settled(name, divergence)
    of = {"uneven": whole.uneven, "scaleless": whole.name == COSINE, "mixed": whole.mixed}
    of["uneven"] = of["uneven"] or (not whole.known and beside_a_label_loss(whole.shape))
    text = with_helpers(whole.shape.call)
    of["coupled"] = not whole.known and bool(RELATED.search(text))
    of["coupled"] = of["coupled"] and coupled(whole.shape.sample, whole.shape.call)
    of["maps"] = any(is_attention(side) for side in whole.shape.call.reading.named(Role.STUDENT))
    of["marked"] = whole.shape.call.ignored >= 0
    verdict = settled(name, divergence, text, **of)
    return no_effect(whole, verdict) if name == "arguments_have_effect" else verdict


def _raised(what: str) -> str:
    return f"raised {what}"


def _line(name: str, verdict: Verdict, loss: str, seed: int, began: float) -> Event:
    replay = f"sad verify --loss {loss} --only {name}" + (f" --seed {seed}" if seed else "")
    line = Line(
        name,
        verdict.standing,
        verdict.says,
        {key: float(number) for key, number in verdict.numbers.items()},
        verdict.example,
        replay,
        time.perf_counter() - began,
        stated().get(name, ""),
    )
    return {"line": line}
