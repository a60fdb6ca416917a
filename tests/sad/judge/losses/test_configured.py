"""A loss that checks the class of its configuration is given an object of that class."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Literal

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from sad.judge.losses.call import Call
from sad.judge.losses.configured import holding, made, member
from sad.judge.losses.constructor import constants_of
from sad.judge.losses.discover import CannotRunError, discover
from sad.judge.losses.found import found
from sad.judge.roles import Role
from sad.judge.stand_in import Asked, NeedsAdapterError

SUPPORTED_PLANS = frozenset({"narrow", "wide"})


class Compared(Enum):
    IDS = "labels"
    ROWS = "logits"


@dataclass(frozen=True)
class DistillConfig:
    plan: str
    vocab_size: int
    kind: Literal["mean", "sum"]
    temperature: float = 1.0
    chunk: int = 7
    extra: str | None = None

    def __post_init__(self):
        if self.plan != "wide":
            raise ValueError("another plan")


@dataclass
class Never:
    config: DistillConfig

    def __post_init__(self):
        raise ValueError("never")


def rows(student_logits, teacher_logits, heat):
    teacher = (teacher_logits / heat).softmax(-1)
    return (teacher * (teacher.clamp_min(1e-30).log() - (student_logits / heat).log_softmax(-1))).sum(-1).mean()


def checked(student_logits, teacher_logits, *, config):
    if not isinstance(config, DistillConfig):
        raise TypeError("config must be a DistillConfig")
    return rows(student_logits, teacher_logits, config.temperature)


def compared(logits, target, how: Compared):
    if how is not Compared.ROWS:
        raise ValueError("those are for labels")
    return rows(logits, target, 1.0)


class Kept:
    def __init__(self, spec: DistillConfig | None):
        assert spec.chunk == 7
        self.heat = spec.temperature

    def __call__(self, student_logits, teacher_logits):
        return rows(student_logits, teacher_logits, self.heat)


@pytest.mark.parametrize("loss", [checked, compared, Kept])
def test_a_loss_gets_what_it_checks(loss):
    whole = found(discover(Call(loss), 0), 0)
    assert whole.name == "forward KL"
    assert whole.shape.call.takes(Role.TEMPERATURE) is (loss is not compared)


def test_an_object_has_the_usual_settings_else_its_defaults():
    asked = Asked()
    one = made(DistillConfig, {Role.TEMPERATURE: 3.0, Role.VOCAB: 11}, asked)
    assert one == DistillConfig("wide", 11, "mean", temperature=3.0, chunk=7)
    assert asked.roles["temperature"] is Role.TEMPERATURE


def test_what_cannot_be_made_is_said():
    with pytest.raises(NeedsAdapterError, match=r"Never\(\) raised ValueError: never"):
        made(Never, {}, Asked())


def test_without_its_class_the_loss_cannot_run():
    def hidden(student_logits, teacher_logits, config):
        return checked(student_logits, teacher_logits, config=config)

    with pytest.raises(CannotRunError, match="must be a DistillConfig"):
        discover(Call(hidden), 0)


def test_the_member_for_logits_is_taken():
    assert member(Compared) is Compared.ROWS


@dataclass
class Dense:
    heat: float
    vocab_size: int
    logits: object


@dataclass
class Sparse:
    ids: object


def typed(student_logits, signal: Dense | Sparse):
    if isinstance(signal, Dense):
        return rows(student_logits, signal.logits, 1.0)
    return rows(student_logits, signal.ids, 1.0)


def test_a_teacher_of_a_class_of_its_own_is_an_object_of_that():
    shape = discover(Call(typed), 0)
    assert found(shape, 0).name == "forward KL"
    one = holding(Dense, shape.sample.given.teacher_logits)
    assert (one.vocab_size, one.heat) == (11, None)
    assert holding(Sparse, shape.sample.given.teacher_logits) is None


@dataclass
class Kept:
    full_logits: object = None
    topk_logits: object = None
    labels: object = None


def of_kept(student_logits, teacher_output: Kept, labels):
    keep = labels != -100
    return rows(student_logits[keep], teacher_output.full_logits[keep], 1.0)


def test_logits_are_held_under_a_longer_name():
    assert found(discover(Call(of_kept), 0), 0).name == "forward KL"
    assert holding(Kept, torch.ones(2, 3)).topk_logits is None


@dataclass
class Settings:
    temperature: float = 2.0
    clip_by: float = 30.0
    near_top_k: int = 1
    extra: str | None = None


class Configured:
    """Its arguments have defaults of their own, and one of its constructor's says nothing by its name."""

    def __init__(self, args: Settings, zebra):
        self.args, self.zebra = args, zebra
        self.temperature = args.temperature
        self.clip_by = args.clip_by
        self.near_top_k = args.near_top_k

    def __call__(self, student_logits, teacher_logits):
        top = teacher_logits.topk(self.near_top_k, dim=-1).indices
        assert self.clip_by == 30.0
        assert self.args.extra is None
        student, teacher = student_logits.gather(-1, top), teacher_logits.gather(-1, top)
        soft = F.softmax(teacher / self.temperature, -1)
        return F.kl_div(F.log_softmax(student / self.temperature, -1), soft, reduction="none").sum(-1).mean()


class Striped(Configured):
    def __call__(self, student_logits, teacher_logits):
        return super().__call__(student_logits, teacher_logits) * self.zebra


class Based(nn.KLDivLoss):
    def __init__(self, zebra):
        super().__init__(reduction="batchmean")
        self.zebra = zebra


def test_defaults_of_an_own_configuration_are_read_and_a_constructor_that_cannot_be_told_is_not_run():
    assert constants_of(Configured) == {"temperature": 2.0, "clip_by": 30.0, "near_top_k": 1}
    call = Call(Configured)
    assert found(discover(call, 0), 0).name == "forward KL"
    assert call.asked.plain["near_top_k"] == 11


def test_what_only_the_constructor_was_handed_is_still_asked_for():
    with pytest.raises(NeedsAdapterError, match=r"reads self\.zebra"):
        discover(Call(Striped), 0)
    with pytest.raises(NeedsAdapterError, match="zebra of Based"):
        discover(Call(Based), 0)
