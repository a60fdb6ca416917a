"""From someone's evaluator to what is asked of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

import torch

from sad.invariants.token_weighted import made_texts, right
from sad.judge.evaluators import checks, stream
from sad.judge.evaluators.batches import FORMS, Form
from sad.judge.evaluators.call import Call
from sad.judge.evaluators.checks import Evaluator
from sad.judge.evaluators.classes import CLASSES
from sad.judge.evaluators.numbers import BITS, WrongNumbersError, backwards, in_bits, meanings, near
from sad.judge.evaluators.texts import STRINGS
from sad.judge.judging import Code, Judged, source
from sad.judge.raising import CannotRunError, raised, refused, telling
from sad.judge.stand_in import NeedsAdapterError
from sad.judge.unknown import guessed
from sad.subjects.metric import ACCURACY, AGREEMENT, ENTROPY, KL, LM_LOSS, PERPLEXITY, Scored
from sad.subjects.text_loss import IGNORED
from sad.verdict import Verdict

SHAPES = re.compile(
    r"broadcast|shape|size|differ in number|inconsistent numbers|more than (one axis|two classes)|[Mm]ulti-?class"
)
"""What is raised at logits or labels of other shapes than those that are meant."""
LABELLED = re.compile(r"label|target|\.loss|\*\*|\[0\]|reference|\by\b")
"""What a source that scores labels speaks of; one that speaks of none counts all that is read, prompts too."""
OF_TEACHER = (KL, AGREEMENT, ENTROPY)
CHECKS: dict[str, Callable[[Evaluator], Verdict]] = {
    "can_be_called": checks.can_be_called,
    "model_untouched": checks.model_untouched,
    "batch_split": checks.batch_split,
    "token_weighted": checks.token_mean,
    "modes_restored": checks.modes,
}


def found(code: Code) -> Judged:
    """Find out how an evaluator is called and what it returns. Raises ``CannotRunError`` where it raises however it is
    called, UserError where it cannot be told how it is called.
    """
    if stream.is_one(Call(code)):
        return Judged(*_streamed(Call(code)))
    call, first = _discovered(code)
    told = right(_one())
    name = getattr(code.target, "__name__", "") if code.adapter is None else ""
    asks = call.teacher or code.adapter is not None
    meaning, other = meanings(first, told, name, teacher=asks)
    if call.form.bare and asks:
        # the place of a last token has no label, and may count in a distance to the teacher
        other += [one for one, what in meaning.items() if what in OF_TEACHER and not near(first[one], told[what])]
        meaning = {one: what for one, what in meaning.items() if one not in other}
    wrong = backwards(first, _reverse(), f"{name} {source(code)}") if asks else []
    said = [_said(call)]
    if call.draws:
        said.append("its own function that draws batches is not judged: batches are made here in its place")
    said += [f"{number} is the {what.replace('_', ' ')}" for number, what in meaning.items()]
    said += [
        f"{number} is none that is known: only that it does not depend on the batches is judged" for number in other
    ]
    of = Evaluator(call, meaning, other, wrong)
    what = f"an evaluator that reports {', '.join(dict.fromkeys(meaning.values())) or 'numbers of its own'}"
    return Judged(what.replace("_", " "), said, {name: partial(check, of) for name, check in CHECKS.items()})


def _streamed(call: Call) -> tuple[str, list[str], dict[str, Callable[[], Verdict]]]:
    try:
        return stream.found(call)
    except NeedsAdapterError:
        raise
    except WrongNumbersError as error:
        if call.reads:
            raise NeedsAdapterError(f"it reads its data itself, and {error}") from None
        raise CannotRunError(str(error)) from None
    except (Exception, SystemExit) as error:
        if call.reads:
            said = f"it reads its data itself, and {raised(error)}: a guess in part"
            raise NeedsAdapterError(said, *guessed(str(error))) from None
        raise refused(error, "one stream of ids") from None


def _said(call: Call) -> str:
    if call.code.adapter is not None:
        return "called as its adapter says"
    if call.trainer:
        return (
            "the trainer is made with model, args, data_collator and eval_dataset, and evaluates; its batches are ours"
        )
    if call.metric:
        what = "the likeliest tokens" if call.form.alone else "logits"
        place = "i" if call.form.next else "i + 1"
        return f"it takes {what} and labels of all texts at once; row i is judged by label {place}"
    alone = ", but returns its logits alone" if call.form.alone else ""
    prompts = ", without prompts" if call.form.bare else ""
    given = "data" if call.form.flat else "batches"
    return f"its {given} are {call.form.says}{prompts}; the model is called as those of transformers{alone}"


def _one() -> Sequence[Scored]:
    """The text of most labels, alone: no mean of means, no padding."""
    return [max(made_texts(1.0), key=lambda text: text.labels.shape[1])]


def _twice() -> Sequence[Scored]:
    """Two texts of one length, in one batch."""
    (one,) = _one()
    return [Scored(*(torch.cat([x, x]) for x in (one.student_logits, one.teacher_logits, one.labels)))]


def _reverse() -> float:
    """KL(student || teacher) of that text, nats a label."""
    (text,) = _one()
    told = text.labels[0, 1:] != IGNORED
    student, teacher = (
        x[0, :-1][told].double().log_softmax(dim=-1) for x in (text.student_logits, text.teacher_logits)
    )
    return float((student.exp() * (student - teacher)).sum(dim=-1).mean())


def _discovered(code: Code) -> tuple[Call, dict[str, float]]:
    """Try the forms of batches; the first whose loss or perplexity is right for one text alone is meant."""
    runs: list[tuple[Call, dict[str, float]]] = []
    failed: list[Exception | SystemExit] = []
    alone: list[Exception | SystemExit] = []
    told, metric = right(_one()), Call(code).metric
    every = _every(code)
    for form in FORMS[:1] if code.adapter is not None or Call(code).trainer or metric else every:
        for one in _forms(form, metric=metric):
            call, ran = Call(code, one), False
            try:
                numbers = call(_one())
                ran = True
                if code.adapter is None and not call.trainer:
                    call(_twice())
            except NeedsAdapterError:
                raise
            except (Exception, SystemExit) as error:
                (alone if ran else failed).append(error)
                continue
            runs.append((call, numbers))
            if not metric or _fits(numbers, told, ACCURACY):
                break
        if runs and runs[-1][0].form.says == form.says and _meant(*runs[-1], told):
            return runs[-1]
    if runs:
        return runs[0]
    if code.adapter is None and not Call(code).trainer and (found := _of_classes(code, told)):
        return found
    if Call(code).reads and failed:
        said = f"it reads its data itself, and {raised(telling(failed))}: a guess in part"
        raise NeedsAdapterError(said, *guessed(str(telling(failed))))
    raise _why(failed, alone, metric=metric)


def _why(failed: list[Exception | SystemExit], alone: list[Exception | SystemExit], *, metric: bool) -> BaseException:
    """Return why no form of batches runs; ``alone`` is what was raised at two texts where one had run."""
    if alone:
        return NeedsAdapterError(f"it scores one text, and of two it {raised(alone[0])}: it may be for single examples")
    first = next((one for one in failed if isinstance(one, WrongNumbersError)), telling(failed))
    if metric and isinstance(first, ValueError) and SHAPES.search(str(first)):
        return NeedsAdapterError(f"it {raised(first)}, given logits and labels of texts, and of examples of one class")
    if isinstance(first, WrongNumbersError):
        return CannotRunError(f"{first}, given {FORMS[0].says}; no other form of batches runs either")
    return refused(first, FORMS[0].says, failed[0])


def _every(code: Code) -> Sequence[Form]:
    """The forms, those that are meant first."""
    every = (*STRINGS, *FORMS) if Call(code).texts else FORMS
    text = source(code) if code.adapter is None else ""
    return every if not text or LABELLED.search(text) else tuple(sorted(every, key=lambda form: not form.bare))


def _meant(call: Call, numbers: Mapping[str, float], told: Mapping[str, float]) -> bool:
    """Whether a form is the one that is meant: the numbers of one text are right in it, in nats or in bits."""
    if BITS.search(call.name) and any(in_bits(value, told) for value in numbers.values()):
        return True
    return _fits(numbers, told, *([ACCURACY] if call.metric else []))


def _of_classes(code: Code, told: Mapping[str, float]) -> tuple[Call, dict[str, float]] | None:
    """The first form of examples of one class whose numbers are right, else the first that runs, None for none."""
    runs: list[tuple[Call, dict[str, float]]] = []
    for form in CLASSES:
        call = Call(code, form)
        try:
            runs.append((call, call(_one())))
            call(_twice())
        except (Exception, SystemExit):
            runs = [one for one in runs if one[0] is not call]
            continue
        if _fits(runs[-1][1], told, ACCURACY):
            return runs[-1]
    return runs[0] if runs else None


def _forms(form: Form, *, metric: bool) -> Sequence[Form]:
    """In which ways a form may be given; a metric's labels may be those of the rows already, or have padding's id."""
    ways = [form, *([] if metric else [replace(form, listed=True)]), replace(form, alone=True)]
    ways += [replace(form, next=True, filled=filled) for filled in (False, True)] if metric else []
    return list(dict.fromkeys(ways))


def _fits(numbers: Mapping[str, float], told: Mapping[str, float], *more: str) -> bool:
    return any(near(value, told[what]) for value in numbers.values() for what in (LM_LOSS, PERPLEXITY, *more))
