# ruff: noqa: ARG002
from __future__ import annotations

import abc

import pytest
import torch
from torch import nn

from sad.judge.dicts import Batch, Output
from sad.judge.roles import Role
from sad.judge.stand_in import Asked, Config, Model, NeedsAdapterError, RowLoss, ids_of, stand_in_self

SETTINGS = {Role.TEMPERATURE: 3.0, Role.BETA: 0.3}


def test_a_config_is_read_by_attribute_key_and_get_at_any_depth():
    asked = Asked()
    config = Config("args", SETTINGS, asked)
    assert config.temperature == config["kd_temp"] == config.kd.get("temperature") == config.distillation["tau"] == 3.0
    assert config.use_something is False
    assert config.tensor_model_parallel_size == config.world_size == 1
    assert config.get("nosuch", 5) == 5
    assert "temperature" in config
    assert asked.roles["temperature"] is Role.TEMPERATURE
    with pytest.raises(NeedsAdapterError, match=r"args\.nosuch"):
        config.nosuch  # noqa: B018


def test_a_self_has_its_class_and_the_usual_settings():
    class Mine(nn.Module):
        constant = 7

        def __init__(self, needed):
            super().__init__()

        def other(self):
            return self.constant

        def loss(self):
            return self.temperature * self.other() + self.alpha

    stand = stand_in_self(Mine, SETTINGS, Asked(), {})
    assert Mine.loss(stand) == 21.3
    assert isinstance(stand, Mine)


def test_an_object_of_an_abstract_class_is_made_and_its_terms_are_those_of_logits():
    class Mixin(abc.ABC):
        @abc.abstractmethod
        def rest(self): ...

        def loss(self):
            return self.args.compute_kl_loss, self.args.compute_alignment_loss

    assert stand_in_self(Mixin, SETTINGS, Asked(), {}).loss() == (True, False)


def test_a_model_gives_its_logits_and_no_gradient_where_none_is_kept():
    logits = torch.randn(1, 3, 5, requires_grad=True)
    model = Model(logits, torch.tensor([[1, 2, -100]]))
    out = model(input_ids=None)
    assert out.logits is logits
    assert out[1] is logits
    assert torch.isfinite(out.loss)
    with torch.no_grad():
        assert not model().logits.requires_grad


def test_batches_and_outputs():
    assert Batch(a=1).to("cpu").a == 1
    assert list(Output(loss=1, logits=2)) == ["loss", "logits"]
    with pytest.raises(AttributeError):
        Batch().nosuch  # noqa: B018


def test_a_classifier_gives_rows_and_a_loss_of_their_own_labels():
    logits, labels = torch.randn(4, 5), torch.tensor([1, 2, -100, 0])
    out = Model(logits, labels)(input_ids=None)
    assert torch.allclose(out.loss, torch.nn.functional.cross_entropy(logits, labels))
    assert Model(logits, labels, bare=True)(None) is logits
    assert len(list(Model(logits).parameters())) == 1


def test_constants_stand_in_for_what_no_name_tells():
    class Mine:
        def loss(self):
            return self.max_rows + self.temperature

    stand = stand_in_self(Mine, SETTINGS, Asked(), {}, {"max_rows": 7, "temperature": 100.0})
    assert stand.loss() == 10.0


def test_a_criterion_takes_rows_and_sequences():
    logits, labels = torch.randn(2, 3, 5), torch.tensor([[1, 2, -100], [0, -100, 4]])
    rows = RowLoss(ignore_index=-100)(logits.flatten(0, 1), labels.flatten())
    assert torch.equal(RowLoss(ignore_index=-100)(logits, labels), rows)


def test_ids_come_under_the_names_that_models_have_for_them():
    ids = torch.ones(1, 2)
    assert ids_of(ids, {}) is ids_of(None, {"idx": ids}) is ids
    with pytest.raises(TypeError, match="no ids"):
        ids_of(None, {"labels": ids})


def test_steps_of_a_run_a_tokenizer_and_a_batch_in_parts_are_known():
    tokenizer = object()
    module = Config("module", {"tokenizer": tokenizer}, Asked())
    assert module.trainer.global_step == module.state.current_epoch == 1
    assert module.trainer.estimated_stepping_batches == module.max_steps == 100
    assert module.tokenizer is tokenizer
    with pytest.raises(NeedsAdapterError, match="tokenizer"):
        Config("module", {}, Asked()).tokenizer  # noqa: B018
    batch = Batch(labels=3)
    assert batch.get("model_inputs")["labels"] == batch["no_model_batch"]["labels"] == 3


def test_a_trainer_logs_nothing_and_a_model_carries_its_teacher():
    class Trains:
        def __init__(self):
            self.args = None

        def log(self, numbers):
            raise AssertionError(self.args.logging_steps)

        def loss(self):
            self.log({"loss": 1.0})
            return self.kl_config.temperature

    assert Trains.loss(stand_in_self(Trains, SETTINGS, Asked(), {})) == 3.0
    logits = torch.randn(1, 3, 5)
    teacher = Model(logits)
    model = Model(logits, more={"teacher": teacher, "kd_loss_scale": 1.0}.get)
    assert model.teacher is teacher
    assert model.kd_loss_scale == 1.0
    assert not hasattr(model, "module")


def test_what_a_batch_has_once_serves_both_sides():
    batch = Batch(labels=1)
    assert batch["teacher_labels"] == batch.get("student_labels") == 1
    assert "teacher_labels" not in batch
    assert batch.get("teacher_logits") is None
