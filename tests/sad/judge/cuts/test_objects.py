"""Objects of classes whose constructors are not called."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path

import pytest
from torch import nn

from sad.judge.cuts.loops import loops_of
from sad.judge.cuts.objects import calls_methods, object_for, sending
from sad.judge.target import load, owner

TEXT = """
import torch
from torch import nn


class Base:
    def note(self, loss):
        self.seen = loss.item()


class Trainer(Base):
    every = 2

    def __init__(self, world):
        self.net = world.fetch()
        self.optimizer = torch.optim.SGD(self.net.parameters(), lr=world.rate)
        self.batches = world.batches()
        self.count, self.done = 0, 0
        self.place = 0

    def train(self):
        for batch in self.batches:
            loss = self.one(batch)
            self.log(loss)
            if self.place > 3:
                break

    def one(self, batch):
        loss = self.net(**batch).loss
        loss.backward()
        self.place += 1
        if self.place % self.every == 0:
            self.optimizer.step()
            self.optimizer.zero_grad()
        self.note(loss)
        return loss

    def log(self, loss):
        print(loss, self.world.name)

    def elsewhere(self):
        for batch in self.batches:
            self(batch).backward()
            self.missing(batch)


class Net(nn.Module, Trainer):
    pass
"""


@pytest.fixture(name="trainer", scope="module")
def of_a_file(tmp_path_factory):
    file = Path(tmp_path_factory.mktemp("object")) / "trainer.py"
    file.write_text(TEXT, encoding="utf-8")
    return f"{file}:Trainer"


def kept(text):
    return ast.parse(text).body


def test_what_its_methods_read_is_given_or_is_the_number_that_the_constructor_sets(trainer):
    of = object_for(load(trainer), kept("self.one(batch)"))
    assert sorted(of.given) == ["net", "optimizer"]
    assert ast.unparse(of.given["optimizer"]).startswith("torch.optim.SGD")
    assert {name: value.value for name, value in of.constants.items()} == {"place": 0}


def test_it_is_made_without_its_constructor_and_is_of_its_class(trainer):
    of, space = object_for(load(trainer), kept("self.one(batch)")), {}
    text = "\n".join(map(ast.unparse, of.made(space)))
    assert text.splitlines()[1] == "self.place = 0"
    assert "self.net = net" in text
    (make,) = space.values()
    assert isinstance(make(), load(trainer))
    whole = object_for(load(trainer.replace(":Trainer", ":Net")), kept("self.one(batch)"))
    whole.made(space)
    assert isinstance(space["__object_of_Net__"](), nn.Module)


def test_where_it_is_called_itself_or_its_methods_are_not_at_hand_there_is_none(trainer):
    assert object_for(load(trainer), kept("self(batch)")) is None
    assert object_for(load(trainer.replace(":Trainer", ":Net")), kept("self.add_module('x', y)")) is None


def test_which_of_its_methods_send_gradients_back_and_which_only_log(trainer):
    assert sending(load(trainer)) == {"one", "elsewhere"}
    assert sending(None) == frozenset()
    assert calls_methods(kept("self.one(batch)"), frozenset({"one", "log"}))
    assert not calls_methods(kept("self.log(loss)"), frozenset({"one", "log"}))


def test_a_loop_whose_step_is_a_method_is_cut_out_with_its_object(trainer):
    target = f"{trainer}.train"
    (piece,) = loops_of(load(target), owner(target))
    assert list(inspect.signature(piece.function).parameters) == ["batches", "net", "optimizer"]
    text = inspect.getsource(piece.function)
    assert "loss = self.one(batch)" in text
    assert "self.log" not in text
    assert "if self.place > 3" in text
