# ruff: noqa: ARG002
"""Losses of torch that a trainer keeps, read from its constructor."""

from __future__ import annotations

import inspect

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from sad.judge.losses import constructor
from sad.judge.losses.call import Call
from sad.judge.losses.checks import temperature_squared
from sad.judge.losses.constructor import constants_of, kept_losses, kept_roles, logits_kept, methods_of, word_for
from sad.judge.losses.discover import discover
from sad.judge.losses.found import found
from sad.judge.roles import Role
from sad.judge.stand_in import NeedsAdapterError


class Trainer:
    def __init__(self, size, *args):
        super().__init__()
        self.kl = nn.KLDivLoss(reduction="batchmean")
        self.weighted = nn.CrossEntropyLoss(ignore_index=size)
        self.layer = nn.Linear(2, 2)

    def kd_loss(self, student_logits, teacher_logits):
        return self.kl(F.log_softmax(student_logits, -1), F.softmax(teacher_logits, -1))


def test_what_the_constructor_makes_of_constants_is_there():
    assert set(kept_losses(Trainer)) == {"kl"}
    assert kept_losses(Trainer)["kl"].reduction == "batchmean"
    assert kept_losses(type("Bare", (), {})) == {}


def test_a_method_finds_it():
    assert found(discover(Call(Trainer.kd_loss, Trainer), 0), 0).name == "forward KL"


class Kept:
    def __init__(self, needed, size=3, *, kind: str = "soft", rate=None):
        self.size, self.kind = size, kind
        self.needed, self.fixed, self.rate = needed, 7, rate
        self.most = 5
        self.switch = False
        if needed:
            self.switch = True


class Younger(Kept):
    def __init__(self, size=9):
        super().__init__(1)
        self.size = size


def test_constants_and_defaults_are_read_and_what_must_be_given_is_not():
    assert constants_of(Kept) == {"size": 3, "kind": "soft", "fixed": 7, "most": 5}
    assert constants_of(Younger)["size"] == 9


def test_the_word_for_a_divergence_is_one_that_the_source_knows():
    assert word_for("kind", "assert kind in ['none', 'hard', 'soft']") == "soft"
    assert word_for("kind", 'if kind == "rkl": ...\nelif kind == "forward_kl": ...') == "forward_kl"
    assert word_for("kind", "if kind == 'hard': ...") is None
    assert word_for("kind", "assert mode in ['soft']") is None


class Worked:
    def __init__(self, kind="KL", heat=2, settings=None):
        settings = settings or {}
        self.kind, self.heat = str(kind).lower(), float(heat)
        self.weight = float(settings.get("weight", 0.3))
        self.other = sum(settings)


def test_what_is_worked_out_of_defaults_is_a_constant():
    assert constants_of(Worked) == {"kind": "kl", "heat": 2.0, "weight": 0.3}


class Divergence:
    def __init__(self, factor=1.0):
        self.factor = factor

    def of_rows(self, student_logits, teacher_logits):
        rows = F.kl_div(student_logits.log_softmax(-1), teacher_logits.softmax(-1), reduction="none").sum(-1)
        return self.factor * rows.mean()


class NeedsMoreLoss:
    def __init__(self, needed):
        self.needed = needed


class Keeps:
    def __init__(self, factor):
        self.soft, self.kind = None, factor
        self.soft = Divergence(factor=factor)
        self.hard = NeedsMoreLoss(factor)

    def kd(self, student_logits, teacher_logits):
        return self.soft.of_rows(student_logits, teacher_logits)


def test_a_loss_of_its_own_is_made_with_its_defaults():
    assert set(kept_losses(Keeps)) == {"soft"}
    assert found(discover(Call(Keeps.kd, Keeps), 0), 0).name == "forward KL"


class Kinds:
    def __init__(self, kd_config):
        self.reverse = kd_config.kl_type == "reverse"
        assert kd_config.kl_type in ("reverse", "forward")

    def __call__(self, student_logits, teacher_logits):
        first, second = student_logits.log_softmax(-1), teacher_logits.log_softmax(-1)
        first, second = (second, first) if self.reverse else (first, second)
        return (second.exp() * (second - first)).sum()


def test_a_configuration_is_asked_which_of_several_losses_it_is():
    call = Call(Kinds)
    assert found(discover(call, 0), 0).name == "forward KL"
    assert call.asked.plain == {"kl_type": "forward"}


class Called:
    """What it was called with is kept for the next call, of a callback."""

    def __init__(self, weights=(0.5, 0.5)):
        self.active, self.weights = False, weights
        self.last_students_logits = self.last_teacher_logits = None

    def on_epoch_begin(self):
        self.active = True

    def before_backward(self, epoch, loss, zeros_mask_dict):
        if not self.active:
            return None
        student, teacher = self.last_students_logits, self.last_teacher_logits
        soft = F.kl_div(
            (student / self.temperature).log_softmax(-1), (teacher / self.temperature).softmax(-1), reduction="sum"
        )
        return (self.weights[0] * loss + self.weights[1] * soft / len(student),)


def test_logits_that_an_object_was_told_before_are_there():
    whole = found(discover(Call(Called.before_backward, Called), 0), 0)
    assert whole.name == "forward KL"
    # a loss on the labels is beside it, and the divergence is not multiplied by T squared
    assert not temperature_squared(whole).holds


def test_a_divergence_times_t_squared_beside_a_label_loss_is_right():
    class Squared(Called):
        def before_backward(self, epoch, loss, zeros_mask_dict):
            student, teacher = self.last_students_logits / self.temperature, self.last_teacher_logits / self.temperature
            soft = F.kl_div(student.log_softmax(-1), teacher.softmax(-1), reduction="sum") / len(student)
            return loss + self.temperature**2 * soft

    assert temperature_squared(found(discover(Call(Squared.before_backward, Squared), 0), 0)).holds


def test_what_another_method_turns_on_is_on():
    assert constants_of(Called) == {"active": True, "weights": (0.5, 0.5)}


def test_methods_that_look_like_losses_are_named():
    assert methods_of(Trainer) == "; name a method: kd_loss"
    assert methods_of(nn.Linear) == ""


def test_logits_are_told_by_their_side():
    one, other = torch.zeros(1), torch.ones(1)
    text = "self.last_students_logits - self.teacher_logits + self.logits; self.student_logits(3)"
    assert logits_kept(text, one, other) == {"last_students_logits": one, "teacher_logits": other}


class Trained:
    def __init__(self, model, tokenizer, teacher, args):
        self.pad, self.heat = tokenizer.pad_token_id, args.temperature
        self.model, self.teacher = model, teacher

    def __call__(self, student_logits, teacher_logits, labels):
        teacher = teacher_logits.softmax(-1)
        rows = F.kl_div(student_logits.log_softmax(-1), teacher, reduction="none").sum(-1)
        counts = labels != self.pad
        return (rows * counts).sum() / counts.sum().clamp(min=1)


class Reads(Trained):
    def __init__(self, model, tokenizer):
        self.pad = len(tokenizer.get_vocab())


def test_a_constructor_is_given_what_few_losses_read():
    whole = found(discover(Call(Trained), 0), 0)
    assert whole.name == "forward KL"
    assert whole.shape.call.takes(Role.TEMPERATURE)
    assert not whole.shape.call.takes(Role.MODEL)


def test_what_it_reads_of_that_is_asked_for():
    with pytest.raises(NeedsAdapterError, match=r"it reads tokenizer\.get_vocab"):
        discover(Call(Reads), 0)


class Given:
    def __init__(self, hard=None, soft=None):
        self.hard = hard or nn.CrossEntropyLoss()
        self.soft = soft if soft is not None else nn.KLDivLoss(reduction="sum")


def test_what_may_be_given_has_the_default_that_the_constructor_makes():
    kept = kept_losses(Given)
    assert isinstance(kept["hard"], nn.CrossEntropyLoss)
    assert kept["soft"].reduction == "sum"


class Base:
    def __init__(self, model, loss_fn=nn.MSELoss(), device="cpu"):  # noqa: B008
        self.model, self.device = model, device
        self.loss_fn = loss_fn.to(device)
        self.round = 0


class Handed(Base):
    def __init__(self, model, loss_fn=nn.KLDivLoss(reduction="batchmean"), device="cpu"):  # noqa: B008
        super().__init__(model, loss_fn, device)

    def train(self):
        self.round += 1

    def kd_loss(self, student_logits, teacher_logits):
        if self.round == 0:
            return student_logits.sum()
        return self.loss_fn(student_logits.log_softmax(1), teacher_logits.softmax(1))


def test_a_loss_that_a_base_is_handed_is_the_default_of_the_class_and_a_count_that_is_raised_is_1():
    assert kept_losses(Handed)["loss_fn"].reduction == "batchmean"
    assert type(kept_losses(Base)["loss_fn"]) is nn.MSELoss
    assert (constants_of(Handed)["round"], constants_of(Base)["round"]) == (1, 0)
    assert found(discover(Call(Handed.kd_loss, Handed), 0), 0).name == "forward KL"


TABLE = {"kl": nn.KLDivLoss(reduction="batchmean"), "mse": nn.MSELoss(), "other": nn.Linear(2, 2)}


class FromATable:
    def __init__(self, kind="kl", unit="other", needed=None):
        self.loss_fn = TABLE.get(kind, TABLE["mse"])
        self.again = TABLE[kind]
        self.layer = TABLE[unit]
        self.unknown = TABLE.get(needed)
        self.fixed = TABLE["mse"]


def test_a_loss_is_looked_up_in_a_table_by_the_default():
    kept = kept_losses(FromATable)
    assert set(kept) == {"loss_fn", "again"}
    assert kept["loss_fn"] is kept["again"] is TABLE["kl"]


def test_a_smoothing_of_labels_must_be_given():
    def made(label_smooth_val, tokenizer, smooth_l1=1.0, width=3): ...

    parameters = inspect.signature(made).parameters.values()
    assert kept_roles(parameters) == {"label_smooth_val": Role.SMOOTHING, "tokenizer": Role.OBJECT}


class Heated:
    def __init__(self, plan, temperature):
        self.plan, self.temperature, self.double = plan, temperature, 2 * plan

    def __call__(self, student_logits, teacher_logits):
        b = self.temperature
        s, t = ((one * b).flatten(0, -2) for one in (student_logits, teacher_logits))
        return F.kl_div(F.log_softmax(s, -1), F.softmax(t, -1), reduction="batchmean") / b**2


class Inverse(Heated):
    def __init__(self, plan, temperature):
        super().__init__(plan, temperature)
        self.temperature = 1.0 / temperature


def test_a_setting_that_a_constructor_turns_is_not_found_by_its_name():
    assert constructor.without_it(Heated) is Heated.__call__
    assert constructor.without_it(Inverse) is None
    with pytest.raises(NeedsAdapterError, match=r"what plan of Inverse\(\) should be"):
        found(discover(Call(Inverse), 0), 0)
