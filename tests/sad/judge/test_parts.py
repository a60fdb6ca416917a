"""What a trainer holds besides settings."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from sad.judge.losses.call import Call
from sad.judge.losses.discover import discover
from sad.judge.losses.families import FORWARD
from sad.judge.losses.found import found
from sad.judge.names import LOGGING
from sad.judge.parts import Accelerator, Head, Inner, Marked, is_called, pad_for, trainer_parts
from sad.judge.stand_in import Model, NeedsAdapterError
from sad.subjects.divergence import Reduction


def test_of_a_tokenizer_the_padding_mark_alone_is_known():
    assert Marked().pad_token_id == -100
    assert Marked(0).pad_token_id == 0
    with pytest.raises(NeedsAdapterError, match=r"tokenizer\.decode"):
        _ = Marked().decode


@pytest.mark.parametrize(
    ("text", "pad"),
    [
        ("labels[labels == -100] = tokenizer.pad_token_id", 0),
        ("labels[labels == (-100)] = module.tokenizer.pad_token_id", 0),
        ("labels = torch.where(labels == -100, tokenizer.pad_token_id, labels)", 0),
        ("labels.masked_fill(labels == -100, tokenizer.pad_token_id)", 0),
        ("mask = labels != tokenizer.pad_token_id", -100),
        ("labels[labels == tokenizer.pad_token_id] = -100", -100),
    ],
)
def test_padding_that_stands_where_no_label_is_has_an_id_of_the_vocabulary(text, pad):
    assert pad_for(text) == pad


def test_the_parts_have_the_names_that_trainers_give_them():
    student, teacher = (Model(torch.zeros(1, 2, 3)) for _ in range(2))
    parts = trainer_parts(lambda: teacher, lambda: student)
    assert parts["student_model"] is parts["model"] is student
    assert parts["teacher"] is parts["ref_model"] is teacher
    assert parts["accelerator"].unwrap_model(student) is student
    assert Accelerator().gather(torch.ones(2)).tolist() == [1, 1]
    assert all(parts[name]({"loss": 1.0}) is None for name in LOGGING)


def by_parts(model, teacher_model, batch):
    mine = model.generator(model.encoder(batch["input_ids"], batch["attention_mask"]))
    theirs = teacher_model.generator(teacher_model.encoder(batch["input_ids"])).detach()
    keep = (batch["labels"] != -100).double()
    rows = F.kl_div(mine.log_softmax(-1), theirs.softmax(-1), reduction="none").sum(-1)
    return (rows * keep).sum() / keep.sum().clamp(min=1)


def by_parts_of_all(model, teacher_model, batch):
    mine = model.generator(model.encoder(batch["input_ids"], batch["attention_mask"]))
    theirs = teacher_model.generator(teacher_model.encoder(batch["input_ids"])).detach()
    return F.kl_div(mine, theirs.exp(), reduction="batchmean") + 0 * (batch["labels"] != -100).sum()


def test_a_loss_that_runs_parts_of_its_models_is_judged():
    told = found(discover(Call(by_parts), 0), 0)
    assert (told.name, told.faults) == (FORWARD.name, ())
    assert told.divergence.contract.reduction is Reduction.MEAN
    assert found(discover(Call(by_parts_of_all), 0), 0).divergence.contract.reduction is Reduction.BATCH


def test_a_part_is_run_on_ids_or_on_what_another_made():
    logits = torch.randn(1, 2, 3)
    assert torch.equal(Inner("encoder", logits)(torch.zeros(1, 2, dtype=torch.long)), logits)
    assert torch.equal(Inner("decoder", logits)(2 * logits), 2 * logits)
    assert torch.allclose(Inner("generator", logits)(logits).exp().sum(-1), torch.ones(1, 2))
    with pytest.raises(NeedsAdapterError, match="states of a width of their own"):
        Inner("generator", logits)(torch.zeros(1, 2, 8))


def test_an_output_weight_is_a_layer_where_the_source_calls_it_or_says_so():
    assert is_called("student_head", "logits = student_head(states)")
    assert is_called("student_lm_head", "student_lm_head: nn.Module,")
    assert not is_called("student_weight", "logits = states @ student_weight.T")
    assert torch.equal(Head(torch.eye(3)[:2])(torch.ones(1, 3)), torch.ones(1, 2))
