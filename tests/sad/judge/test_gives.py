"""`--given NAME=WHAT`: words of the field, values of Python, and what is neither."""

from __future__ import annotations

import inspect

import pytest
import torch

from sad.errors import UserError
from sad.judge.collators.parameters import CONFIGS, FEATURES, LENGTHS, TOKENIZER
from sad.judge.evaluators import names as evaluators
from sad.judge.gives import WORDS, of, parse
from sad.judge.interface import Interface
from sad.judge.roles import Role, read
from sad.judge.steps.names import KNOWN
from sad.judge.steps.roles import is_config
from sad.judge.told import Told


def _read_as(interface: Interface, word: str) -> bool:
    """Whether an interface reads a parameter of this name."""
    one = inspect.Parameter(word, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    sides = [one.replace(name=f"{side}_logits") for side in ("student", "teacher") if side not in word]
    match interface:
        case Interface.LOSS:
            beside = [one.replace(name="inputs")] if "model" in word else sides
            return read([one, *beside]).roles.get(word) not in (None, Role.DEFAULT)
        case Interface.COLLATOR:
            marks = {"pad_token_id", "eos_token_id", "ignore_index"}
            return word in {*FEATURES, *LENGTHS, *TOKENIZER, *CONFIGS, *marks}
        case Interface.EVALUATOR:
            settings = {"tokenizer", "criterion", "config"}
            known = {*evaluators.MODELS, *evaluators.TEACHERS, *evaluators.LOADERS, *evaluators.LOGITS}
            return word in {*known, *evaluators.LABELS, *evaluators.PAIRS, *settings}
        case Interface.STEP:
            return word in KNOWN or is_config(word) or word == "config"
        case _:
            from sad.judge.alignments.call import _part

            return _part(word) is not None


@pytest.mark.parametrize(("interface", "word"), [(one, word) for one, words in WORDS.items() for word in words])
def test_every_word_that_is_offered_is_read(interface, word):
    assert _read_as(interface, word)


def test_words_are_names_and_the_rest_are_values():
    said = ["a=student_logits", "b='student_logits'", "c=[1, 2]", "d=forward-kl", "e=None", "f = 0.5", "g=a=b"]
    values = {name: one.alias or one.value for name, one in parse(said, Interface.LOSS).items()}
    text = {"a": "student_logits", "b": "student_logits", "d": "forward-kl", "g": "a=b"}
    assert values == {**text, "c": [1, 2], "e": None, "f": 0.5}
    assert parse(said, Interface.LOSS)["b"] == Told("student_logits")
    # a word of another interface is text
    assert parse(["a=optimizer"], Interface.LOSS)["a"] == Told("optimizer")
    assert of({"a": "optimizer"}, Interface.STEP)["a"] == Told(alias="optimizer")


def test_a_list_takes_words_as_they_are_and_a_dtype_is_one():
    said = ["a=[kl, ce]", "b=torch.float16", "c=torch.nn", "d={kind: kl}", "e=(kl, 2, None)", "f=kl"]
    values = {name: one.value for name, one in parse(said, Interface.LOSS).items()}
    assert values["b"] is torch.float16
    assert values == {
        **values,
        "a": ["kl", "ce"],
        "c": "torch.nn",
        "d": {"kind": "kl"},
        "e": ("kl", 2, None),
        "f": "kl",
    }
    for wrong in ("a=[f(x)]", "a=[kl"):
        with pytest.raises(UserError, match="no value of Python"):
            parse([wrong], Interface.LOSS)


@pytest.mark.parametrize(
    ("said", "says"),
    [
        (["a"], "write NAME=WHAT"),
        (["a="], "write NAME=WHAT"),
        (["1a=2"], "write NAME=WHAT"),
        (["for=2"], "write NAME=WHAT"),
        (["a=[1"], "no value of Python"),
        (["a='"], "no value of Python"),
        (["a=1", "a=2"], "told twice"),
    ],
)
def test_what_cannot_be_read_is_one_line(said, says):
    with pytest.raises(UserError, match=says):
        parse(said, Interface.LOSS)
