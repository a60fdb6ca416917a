"""A loss of a program that makes its models where it is run, and trainers whose models keep more than logits."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F

from sad.errors import UserError
from sad.judge.losses.call import Call
from sad.judge.losses.sample import given
from sad.judge.losses.session import session
from sad.judge.losses.values import Values
from sad.judge.roles import Role
from sad.judge.target import load, owner
from sad.verdict import Standing

IN_MAIN = """
import torch
import torch.nn.functional as F


def main():
    teacher_model = load("teacher")

    class Distiller:
        def compute_loss(self, model, inputs, return_outputs=False):
            student = model(input_ids=inputs["input_ids"]).logits
            with torch.no_grad():
                teacher = teacher_model(input_ids=inputs["input_ids"]).logits
            kl = F.kl_div(student.log_softmax(-1), teacher.softmax(-1), reduction="none")
            return kl.sum(-1).mean()

        def broken_loss(self, model, inputs):
            return F.mse_loss(model(**inputs).logits[:, :-1], teacher_model(**inputs).logits[:, 1:])
"""


def kl(student, teacher):
    return F.kl_div(student.log_softmax(-1), teacher.softmax(-1), reduction="none").sum(-1).mean()


class Trainer:
    """A trainer of sequences, [batch, length, vocab]."""

    def cached(self, model, inputs):
        labels, teacher = inputs.pop("labels"), inputs.pop("teacher_logits")
        return kl(model(**inputs).logits, teacher) + 0 * labels.sum()

    def step(self, model, inputs):
        loss = kl(model(**inputs).logits, self.teacher_model(**inputs).logits.detach())
        self.accelerator.backward(loss)
        return loss.detach()

    def layered(self, model, inputs):
        student, teacher = model(**inputs, output_hidden_states=True), self.teacher_model(**inputs)
        between = F.mse_loss(student.hidden_states[-1], teacher["hidden_states"][-1])
        return kl(student.logits, teacher.logits.detach()) + between

    def contrasted(self, model, inputs):
        student, teacher = model(**inputs), self.teacher_model(**inputs)
        mine, theirs = (x.hidden_states[-1].mean(1) for x in (student, teacher))
        return kl(student.logits, teacher.logits.detach()) + F.cross_entropy(mine @ theirs.T, torch.arange(len(mine)))

    def states_alone(self, model, inputs):
        return F.mse_loss(model(**inputs).hidden_states[-1], self.teacher_model(**inputs).hidden_states[-1])


class Holding(torch.nn.Module):
    """Of texts, [batch, length, vocab]."""

    def __init__(self, teacher, student):
        super().__init__()
        self.teacher, self.student = teacher, student

    def forward(self, inputs):
        return kl(self.student(**inputs).logits, self.teacher(**inputs).logits.detach())


def told(target: Any, of: type | None) -> tuple[Any, list[str]]:
    events = list(session(Call(target, of), "loss", only=("known_divergence",)))
    line = next(event["line"] for event in events if "line" in event)
    return line, next(event["assumed"] for event in events if "assumed" in event)


@pytest.fixture
def program(tmp_path):
    file = tmp_path / "in_main.py"
    file.write_text(IN_MAIN)
    return f"{file}:main.Distiller"


def test_a_class_inside_a_function_is_judged_with_the_models_of_its_program(program):
    target = f"{program}.compute_loss"
    line, assumed = told(load(target, []), owner(target))
    assert line.standing is Standing.HOLDS
    assert "forward KL" in line.says
    assert "teacher_model, a global that its program sets, is a model that returns the teacher's logits" in assumed
    # they are taken away again
    assert "teacher_model" not in load(target, []).__globals__


def test_a_shift_between_the_two_is_seen_there(program):
    target = f"{program}.broken_loss"
    line, _ = told(load(target, []), owner(target))
    assert line.standing is Standing.BROKEN
    assert "shifted against each other" in line.says


@pytest.mark.parametrize("method", [Trainer.cached, Trainer.step, Trainer.layered])
def test_what_a_batch_and_a_model_keep_beside_and_a_gradient_that_is_sent_back(method):
    line, assumed = told(method, Trainer)
    assert line.standing is Standing.HOLDS, line.says
    assert "forward KL" in line.says
    states = "hidden states of both models are alike: what is made of them is not judged"
    assert (states in assumed) is (method is Trainer.layered)


def test_a_module_that_holds_both_models_runs_them_on_a_batch():
    line, assumed = told(Holding, None)
    assert line.standing is Standing.HOLDS, line.says
    assert "teacher of its constructor is a model that returns the teacher's logits" in assumed


@pytest.mark.parametrize("method", [Trainer.states_alone, Trainer.contrasted])
def test_a_loss_whose_hidden_states_matter_is_not_judged_on_stand_ins(method):
    with pytest.raises(UserError, match="it compares hidden states of its models"):
        list(session(Call(method, Trainer), "loss", only=("known_divergence",)))


def test_a_teacher_that_is_cached_gets_no_gradient():
    of = given(0)
    of.teacher_logits.requires_grad_()
    cached = Values(Call(Trainer.cached, Trainer)._asking(), of).of(Role.BATCH, "inputs")["teacher_logits"]
    assert torch.equal(cached, of.teacher_logits)
    assert not cached.requires_grad
