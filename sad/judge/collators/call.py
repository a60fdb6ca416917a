"""Calls someone's collator: builds it from what the names of its parameters ask for, and gives it some texts."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sad.invariants._models import VOCABULARY
from sad.judge.collators import letters, own_data
from sad.judge.collators.batch import Read, read, with_last
from sad.judge.collators.features import FORMS, MESSAGES, Features
from sad.judge.collators.marker import (
    INNER,
    MARKER,
    bare,
    marked,
    once,
    with_inner,
    without_added_ends,
    without_header,
    without_marker,
)
from sad.judge.collators.parameters import (
    CAUSAL,
    CHATS,
    COLUMNS,
    CONFIGS,
    FEATURES,
    INSTRUCTIONS,
    LENGTHS,
    OTHER_LENGTHS,
    PROMPTS,
    TEMPLATES,
    TOKENIZER,
)
from sad.judge.collators.prepares import ONE, PREPARES, Takes, paired, prepared, rows_padded
from sad.judge.collators.words import HEADER, LONGEST, TEMPLATE, tokenizer
from sad.judge.free import is_free
from sad.judge.judging import Code
from sad.judge.stand_in import NeedsAdapterError, untold
from sad.judge.steps.settings import Settings
from sad.judge.unknown import Unknown
from sad.subjects.text_loss import IGNORED, Marks, Text


class OwnWordsError(NeedsAdapterError):
    """A batch has words that no text has: the collator's own, or keys of features that it took for texts."""


@dataclass(frozen=True, slots=True)
class Given:
    """What an adapter gets: texts in ids, the marks, a tokenizer that writes them, and features as datasets have them
    (``input_ids``, ``attention_mask``, ``labels``, as lists).
    """

    texts: Sequence[Text]
    marks: Marks
    tokenizer: Any
    features: list[dict[str, list[int]]]


@dataclass(frozen=True, slots=True)
class Call:
    """A collator, and how it is called. ``side`` is the tokenizer's padding side; ``longest`` the most tokens."""

    code: Code
    form: Features = FORMS[0]
    side: str = "right"
    longest: int = LONGEST
    assumed: list[str] = field(default_factory=list)
    size: int = VOCABULARY
    """Words of the tokenizer."""
    template: str | tuple[int, ...] = f"t{MARKER}"
    """What stands before a completion, where it looks for that: as a string, or in ids."""
    words: int = 0
    """Words of a template of its own that it looks for, none of which a text holds; 0 where it looks for none."""
    begins: bool = False
    """It puts a begin mark before each text, which the tokenizer has then."""
    appends: bool = False
    """It puts an end mark behind each text itself: texts are given without."""
    one_mark: bool = False
    """Its padding mark is its end mark."""
    own: bool = False
    """It puts words of its own round its texts, and gets a tokenizer that has them, which ``begins`` as that says."""
    own_pad: bool = False
    """Its file gives its tokenizer a padding mark of its own: the end mark never pads."""
    several: bool = False
    """Where its padding mark is its end mark: texts of several answers keep the end marks inside them."""
    way: Takes = Takes.LIST
    """What one call gets."""
    talks: bool = False
    """It is told what stands before a prompt, too, where it looks for that."""

    def __call__(self, texts: Sequence[Text], marks: Marks) -> Read:
        """Collate texts. Raises whatever the code raises, and ``WrongBatchError`` where it returns no batch."""
        if self.own_pad and marks.pad == marks.eos:
            # its program never pads with the end mark
            marks = Marks(marks.eos, marks.eos + 1)
        marks = Marks(marks.eos, marks.eos) if self.one_mark else marks
        found = self.of(self.features(texts, marks), texts, marks)
        if self.own:
            return found
        found = replace(found, batch=with_last(found.batch, marks.pad))
        if self.one_mark and not self.several:
            found = replace(found, batch=with_inner(found.batch, marks))
        return replace(found, batch=without_added_ends(found.batch, texts, marks)) if self.appends else found

    def features(self, texts: Sequence[Text], marks: Marks) -> list[Any]:
        """Return fresh features of some texts."""
        shorten = once if self.one_mark and not self.several else bare
        given = [shorten(text, marks) for text in texts] if self.appends else texts
        if self.own:
            return self.form.of(texts, marks)
        times = self.words or int(bool(self.takes(TEMPLATES)))
        return self.form.of([marked(text, times) for text in given] if times else given, marks)

    def of(self, features: list[Any], texts: Sequence[Text], marks: Marks) -> Read:
        """Collate features that were made already."""
        if self.code.adapter is not None:
            return read(self._adapted(texts, marks))
        returned = self.made(marks)(features)
        found = read(rows_padded(returned, marks.pad) if self.way is Takes.LIST and self.prepares() else returned)
        if self.own:
            return found
        if bool((found.batch.input_ids >= self.size).any()):
            raise OwnWordsError("it puts words into its texts that the tokenizer here has not")
        if self.words or self.takes(TEMPLATES):
            return replace(found, batch=without_marker(found.batch))
        headed = self.form is MESSAGES or self.begins
        return replace(found, batch=without_header(found.batch)) if headed else found

    def prepares(self) -> bool:
        """Whether it is a function whose name says that it makes rows, which others pad."""
        return inspect.isroutine(self.code.target) and bool(PREPARES.search(self.code.target.__name__.lower()))

    def other(self, **changes: Any) -> Call:  # noqa: ANN401 - fields of this class
        """Return the same collator, called otherwise."""
        return replace(self, **changes)

    def takes(self, names: Sequence[str]) -> str:
        """Return which of these settings it has, '' for none."""
        if self.code.adapter is not None:
            return ""
        target = self.code.target
        own = set() if inspect.isroutine(target) or isinstance(target, type) else set(vars(target))
        every = [p for one in (target, self.code.owner) if one is not None for p in _parameters(one)]
        return next((name for name in names if name in own or any(p.name == name for p in every)), "")

    def made(self, marks: Marks) -> Callable[[list[Any]], Any]:
        """Return what is called with a list of features."""
        target, own = self.code.target, self.code.owner
        if own_data.is_data(target):
            return self._over_data(target, marks)
        if isinstance(target, type):
            settings = self._settings(_parameters(target), marks, target.__name__)
            return self._ready(target(**settings, **self._inherited(target, settings, marks)), marks)
        if own is not None and _is_method(target):
            whole = own(**self._settings(_parameters(own), marks, own.__name__))
            return self._ready(target.__get__(whole), marks)
        if not inspect.isroutine(target):
            return self._ready(self._with_ours(target, marks), marks)
        return self._ready(target, marks)

    def _over_data(self, target: type, marks: Marks) -> Callable[[list[Any]], Any]:
        """Return what builds a data set over features, and pads what it makes of them."""
        names = own_data.takes(every := _parameters(target))
        settings = self._settings([p for p in every if p.name not in names], marks, target.__name__)
        return lambda features: own_data.batch(self.code, features, names, settings, marks.pad)

    def _ready(self, called: Any, marks: Marks) -> Callable[[list[Any]], Any]:  # noqa: ANN401
        if not callable(called):
            raise NeedsAdapterError(f"objects of {type(called).__name__} are not called")
        every = _parameters(called)
        if self.way is not Takes.LIST:
            return self._prepared(called, every, marks)
        first = next((p for p in every if p.name in FEATURES), None)
        unread = [p for p in every if _needed(p) and self._setting(p.name, marks) is None]
        first = first or next(iter(unread), None)
        if first is None and not any(p.kind is p.VAR_POSITIONAL for p in every):
            # one that makes the collator
            made = called(**self._settings(every, marks, getattr(called, "__name__", "it")))
            if not callable(made):
                raise NeedsAdapterError("it takes no list of texts, and returns nothing that does")
            return self._ready(made, marks)
        rest = [p for p in every if p is not first and p.kind is not p.VAR_POSITIONAL]
        settings = self._settings(rest, marks, getattr(called, "__name__", type(called).__name__))
        return lambda features: called(features, **settings)

    def _prepared(
        self,
        called: Any,  # noqa: ANN401 - anything that is called
        every: Sequence[inspect.Parameter],
        marks: Marks,
    ) -> Callable[[list[Any]], Any]:
        names = [p.name for p in every]
        unread = [p.name for p in every if _needed(p) and self._setting(p.name, marks) is None]
        alone = next((name for name in names if name in (*ONE, *FEATURES)), next(iter(unread), ""))
        first = paired(names) or (alone,)
        settings = self._settings([p for p in every if p.name not in first], marks, called.__name__)
        return prepared(self.way, lambda **texts: called(**texts, **settings), first, marks.pad)

    def _settings(self, every: Sequence[inspect.Parameter], marks: Marks, of: str) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for parameter in every:
            if parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
                continue
            value = self._setting(parameter.name, marks)
            if value is not None:
                found[parameter.name] = value
            elif _needed(parameter) and parameter.annotation in (bool, "bool"):
                # a switch that must be told is off, unless it says what is judged here
                found[parameter.name] = bool(CAUSAL.search(parameter.name))
            elif _needed(parameter) and parameter.name == "model":
                # few read it, and most take None
                found[parameter.name] = None
            elif is_free(parameter):
                found[parameter.name] = Unknown(parameter.name)
            elif _needed(parameter):
                raise untold(parameter.name, of=of)
        return found

    def _inherited(self, target: type, given: Mapping[str, Any], marks: Marks) -> dict[str, Any]:
        """Settings that a constructor hands on to that of its base, which it does not name."""
        if not any(p.kind is p.VAR_KEYWORD for p in _parameters(target)):
            return {}
        bases = [vars(base)["__init__"] for base in target.__mro__[1:-1] if "__init__" in vars(base)]
        names = {p.name for made in bases for p in inspect.signature(made).parameters.values() if p.name != "self"}
        wanted = [name for name in names & {*TOKENIZER, "mlm", "pad_token_id"} if name not in given]
        return {name: self._setting(name, marks) for name in wanted}

    def _setting(self, name: str, marks: Marks) -> Any:  # noqa: ANN401 - any setting
        """Return the value of a setting by its name, None for one that is left as it is."""
        lower = name.lower()
        if lower in TOKENIZER and self.own:
            return letters.tokenizer(marks, self.side, self.longest, begins=self.begins)
        if lower in TOKENIZER:
            made = tokenizer(marks, self.side, self.size, unknown=bool(self.words))
            if self.begins:
                made.bos_token = HEADER.strip()
            return made
        columns = {f"{one}{end}": one for one in COLUMNS for end in ("_column", "_column_name", "_field")}
        told: dict[str, Any] = {
            **columns,
            **dict.fromkeys((*LENGTHS, *OTHER_LENGTHS), self.longest),
            **dict.fromkeys(PROMPTS, self.longest // 2),
        }
        known: Mapping[str, Any] = {
            **dict.fromkeys(("pad_token_id", "pad_id", "padding_value", "pad_idx", "pad_token", "pad"), marks.pad),
            **dict.fromkeys(("eos_token_id", "eos_id", "eos", "end_id"), marks.eos),
            **dict.fromkeys(("ignore_index", "label_pad_token_id", "ignore_id", "label_pad_id"), IGNORED),
            **dict.fromkeys(CONFIGS, Settings(name, told)),
            **told,
            **dict.fromkeys(TEMPLATES, self.template if isinstance(self.template, str) else list(self.template)),
            INSTRUCTIONS: f"t{INNER}" if self.talks else None,
            "dataset_text_field": "text",
            **dict.fromkeys(CHATS, TEMPLATE),
            "mlm": False,
            "device": "cpu",
        }
        return known.get(lower)

    def _with_ours(self, instance: Any, marks: Marks) -> Any:  # noqa: ANN401
        """A copy of an object whose tokenizer and marks are ours; its settings stay."""
        made = copy.copy(instance)
        for name in list(getattr(instance, "__dict__", {})):
            if name in (*TOKENIZER, "pad_token_id", "pad_id", "eos_token_id", "eos_id"):
                setattr(made, name, self._setting(name, marks))
        return made

    def _adapted(self, texts: Sequence[Text], marks: Marks) -> Any:  # noqa: ANN401
        function = self.code.adapter
        assert function is not None, "called with an adapter"
        given = Given(texts, marks, tokenizer(marks, self.side, self.size), self.form.of(texts, marks))
        if len(_parameters(function)) < 2:
            return function(given)
        if self.code.target is None:
            raise NeedsAdapterError("the adapter's collate(given, target) needs --collator")
        target = self.made(marks) if isinstance(self.code.target, type) else self.code.target
        return function(given, target)


def _parameters(target: Any) -> list[inspect.Parameter]:  # noqa: ANN401 - anything that is called
    try:
        every = list(inspect.signature(target).parameters.values())
    except (TypeError, ValueError):
        raise NeedsAdapterError(f"{getattr(target, '__name__', target)} has no signature to read") from None
    return every


def _needed(parameter: inspect.Parameter) -> bool:
    fixed = (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
    return parameter.default is parameter.empty and parameter.kind not in fixed


def _is_method(target: Any) -> bool:  # noqa: ANN401
    return [one.name for one in _parameters(target)][:1] == ["self"]
