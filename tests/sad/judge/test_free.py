from __future__ import annotations

import inspect

import pytest

from sad.judge.free import is_free, lacking, opened
from sad.judge.target import load

PROGRAM = """
import torch

def help():
    return other


def step(batch, *, rate=1, **more):
    return [model(batch) * rate + help() for _ in (1,)]


@torch.no_grad()
def scored(batch):
    return model(batch)


def typed(batch):
    return modle(batch)


if __name__ == "__main__":
    model, other = (lambda x: x), 0
"""


@pytest.fixture
def program(tmp_path):
    file = tmp_path / "program.py"
    file.write_text(PROGRAM)
    return file


def test_what_a_program_sets_is_a_parameter(program):
    step = load(f"{program}:step")
    assert lacking(step) == ["model", "other"]
    made = opened(step)
    every = inspect.signature(made).parameters
    assert list(every) == ["batch", "rate", "model", "other", "more"]
    assert [name for name, one in every.items() if is_free(one)] == ["model", "other"]
    assert str(inspect.signature(made)) == "(batch, *, rate=1, model=a global, other=a global, **more)"
    assert made(2, rate=3, model=lambda x: x, other=1) == [7]
    # what is left out stays as it was
    assert made(5) == [6]
    assert "model(batch)" in inspect.getsource(made)


def test_a_name_that_stands_nowhere_else_is_an_error_of_its_own(program):
    typed = load(f"{program}:typed")
    assert lacking(typed) == []
    assert opened(typed) is typed
    with pytest.raises(NameError):
        typed(1)


def test_what_lacks_nothing_stays_as_it_is():
    assert opened(load) is load
    assert opened(int) is int


def test_a_module_that_a_program_makes_a_model_of(tmp_path):
    file = tmp_path / "shadowing.py"
    file.write_text(
        "import json\nimport model\n\ndef f():\n    return json, model\n\nmodel = model.Model()\nfit(model)\n"
    )
    (tmp_path / "model.py").touch()
    assert lacking(load(f"{file}:f", [])) == ["model"]


def test_what_a_decorated_function_reads_is_its_files(program):
    made = opened(load(f"{program}:scored"))
    assert list(inspect.signature(made).parameters) == ["batch", "model"]
    assert made(3, model=lambda x: x + 1) == 4


def test_constants_that_are_settings_of_a_loop_may_be_set(tmp_path):
    file = tmp_path / "constants.py"
    file.write_text(
        "import torch\nEPOCHS, LR, GRAD_ACCUM, SIZE = 3, 0.1, 4, 5\n"
        "def get_batch(split):\n    return torch.randint(SIZE, (1,))\n"
        "def next_batch():\n    return [1]\n"
        "def train():\n    return [(LR, GRAD_ACCUM, SIZE, get_batch('train'), next_batch()) for _ in range(EPOCHS)]\n"
        "def epoch():\n    return f'of {EPOCHS}', LR\n"
    )
    made = opened(load(f"{file}:train"))
    assert set(inspect.signature(made).parameters) == {"EPOCHS", "LR", "GRAD_ACCUM", "get_batch"}
    assert made(EPOCHS=1, LR=2, get_batch=lambda _: "drawn") == [(2, 4, 5, "drawn", [1])]
    # what it only speaks of is none of its loop
    assert list(inspect.signature(opened(load(f"{file}:epoch"))).parameters) == ["LR"]
