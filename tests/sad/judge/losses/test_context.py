"""What a loss is for: its own source, then its class, then its module."""

from __future__ import annotations

from pathlib import Path

import pytest

from sad.judge.losses.call import Call
from sad.judge.losses.context import DECISIVE, around, of_classes, of_sequences, of_texts, source, with_helpers
from sad.judge.target import load, owner

FILE = Path(__file__).parent / "public_styles.py"


def call(name):
    target = f"{FILE}:{name}"
    return Call(load(target), owner(target))


@pytest.mark.parametrize(
    ("name", "texts", "classes"),
    [
        ("ClassifierTrainer.compute_loss", False, True),
        ("TextTrainer.compute_loss", True, False),
        ("TwoHeads", False, True),
        ("unread", True, False),
        ("Stored.loss", True, False),
    ],
)
def test_the_nearest_words_decide(name, texts, classes):
    assert (of_texts(call(name)), of_classes(call(name))) == (texts, classes)


def test_what_is_around_a_method_is_its_class_and_its_module():
    of_class, of_module = around(call("TextTrainer.compute_loss"))
    assert "ForCausalLM" in of_class
    assert "ClassifierTrainer" not in of_class
    assert "ClassifierTrainer" in of_module


def test_what_has_no_source_says_nothing():
    made: dict = {}
    exec("def f(student_logits, teacher_logits): ...", made)
    assert source(Call(made["f"])) == ""
    assert not of_texts(Call(made["f"]))
    assert not of_classes(Call(made["f"]))
    assert not of_sequences(Call(made["f"]))


def test_a_model_that_classifies_tokens_is_of_texts():
    texts, classes = DECISIVE
    assert texts.search("AutoModelForTokenClassification")
    assert not classes.search("AutoModelForTokenClassification")
    assert classes.search("AutoModelForSequenceClassification")


def test_the_source_of_a_loss_is_that_of_the_objects_and_classes_of_its_module_that_it_calls_too(tmp_path):
    file = tmp_path / "relations.py"
    file.write_text(
        "import torch\n\n\nclass Between:\n    def __call__(self, a):\n        return related(a)\n\n\n"
        "def related(a):\n    return a @ a.T\n\n\nbetween = Between()\n\n\n"
        "def loss(student, teacher):\n    return (between(student) - between(teacher)).pow(2).mean()\n",
        encoding="utf-8",
    )
    text = with_helpers(Call(load(f"{file}:loss")))
    assert "a @ a.T" in text
    assert "import torch" not in text
