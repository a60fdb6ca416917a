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
