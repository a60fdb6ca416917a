"""Loops of programs: cut out, without what is fetched before them and what is logged in them."""

from __future__ import annotations

import inspect
import textwrap
from pathlib import Path

import pytest

from sad.errors import UserError
from sad.judge.cuts.loops import loops_of
from sad.judge.interface import Interface
from sad.judge.judging import Code, Named, judging
from sad.judge.target import load, owner, program
from sad.verdict import Standing

PROGRAMS = Path(__file__).with_name("programs.py")
SCRIPT = """
import torch

steps = 6
block_size = 8
gradient_accumulation_steps = 4
max_iters = 3
model = fetch("model")
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
best = 1e9


def get_batch(split):
    at = torch.randint(len(corpus) - block_size, (2,))
    return torch.stack([corpus[i : i + block_size] for i in at]), torch.stack([corpus[i + 1 : i + 9] for i in at])


iter_num = 0
X, Y = get_batch("train")
while True:
    if iter_num % 10 == 0:
        losses = estimate(model)
        if losses["val"] < best:
            torch.save(model.state_dict(), "best.pt")
    for micro_step in range(gradient_accumulation_steps):
        logits, loss = model(X, Y)
        X, Y = get_batch("train")
        (loss DIVIDED).backward()
    optimizer.step()
    optimizer.zero_grad()
    iter_num += 1
    if iter_num > max_iters:
        break
"""


def loops(name):
    target = f"{PROGRAMS}:{name}"
    return list(loops_of(load(target), owner(target)))


def test_what_is_logged_and_saved_is_left_out_and_what_is_fetched_is_given():
    (piece,) = loops("main")
    assert inspect.getsource(piece.function) == textwrap.dedent("""\
        def main(model, loader, optimizer):
            every = 4
            for epoch in range(2):
                model.train()
                for place, batch in enumerate(loader):
                    ids = batch['input_ids']
                    answers = batch['labels']
                    out = model(input_ids=ids, labels=answers)
                    (out.loss / every).backward()
                    if (place + 1) % every == 0:
                        optimizer.step()
                        optimizer.zero_grad()
            return None
    """)
    assert piece.aliases == {"data": "loader"}


def test_a_method_that_takes_one_step_is_one_too_with_what_its_object_keeps():
    (piece,) = loops("Runner.one")
    assert list(inspect.signature(piece.function).parameters) == ["batch", "optimizer", "model"]
    assert "note" not in inspect.getsource(piece.function)


def test_what_an_object_counts_begins_where_its_class_begins():
    (piece,) = loops("Runner.counted")
    assert inspect.getsource(piece.function).splitlines()[1] == "    seen = 0"
    assert "seen" not in inspect.signature(piece.function).parameters


def test_where_its_object_is_called_itself_nothing_is_cut():
    assert loops("Runner.of_itself") == []


def test_methods_that_its_loop_calls_are_those_of_an_object_that_is_made():
    (piece,) = loops("Runner.by_methods")
    assert list(inspect.signature(piece.function).parameters) == ["batches", "optimizer", "model"]
    assert "loss = self.compute(batch)" in inspect.getsource(piece.function)


@pytest.mark.parametrize("name", ["Distiller.no_loss", "late_teacher"])
def test_where_nothing_is_sent_back_there_is_no_loop(name):
    assert loops(name) == []


def standing(target, only):
    lines = [event["line"] for event in judging(Named(Interface.STEP, target), "it", only=only) if "line" in event]
    return {line.name: line.standing for line in lines}


def test_a_loop_that_does_not_divide_by_its_window_is_found_in_what_cannot_be_called():
    found = standing(f"{PROGRAMS}:undivided", ("can_be_called", "split_invariance"))
    assert found == {"can_be_called": Standing.HOLDS, "split_invariance": Standing.BROKEN}


@pytest.mark.parametrize(("divided", "stands"), [("/ gradient_accumulation_steps", "HOLDS"), ("", "BROKEN")])
def test_the_loop_of_a_script_is_judged_by_the_name_of_the_file(tmp_path, divided, stands):
    file = tmp_path / f"script_{stands.lower()}.py"
    file.write_text(SCRIPT.replace("DIVIDED", divided), encoding="utf-8")
    found = standing(str(file), ("step_accounting", "split_invariance"))
    assert found == {"step_accounting": Standing.HOLDS, "split_invariance": Standing[stands]}


def test_a_script_without_such_a_loop_is_told_so(tmp_path):
    file = tmp_path / "no_loop.py"
    file.write_text("import torch\nx = 1\n", encoding="utf-8")
    with pytest.raises(UserError, match="no loop in it sends gradients back"):
        standing(str(file), ())
    with pytest.raises(UserError, match="there is no file"):
        program(str(tmp_path / "none.py"), [])


def test_what_was_cut_is_told(tmp_path):
    file = tmp_path / "told.py"
    other = "for X in rows:\n    model(X).loss.backward()\n"
    file.write_text(SCRIPT.replace("DIVIDED", "/ gradient_accumulation_steps") + other, encoding="utf-8")
    code = Code(program(str(file), []))
    events = judging(code, "it", interface=Interface.STEP, only=("can_be_called",))
    what, assumed = next((event["what"], event["assumed"]) for event in events if "assumed" in event)
    assert what == "a step that is called for a whole run, lines 20 to 33"
    assert assumed[0].startswith("judged is the loop of lines 20 to 33 alone: what")
    assert assumed[1] == "another loop in it, lines 34 to 35, is not judged"
