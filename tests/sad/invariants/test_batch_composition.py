import math
import runpy
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from sad.invariants.batch_composition import BATCHES, TEXTS, batch_composition
from sad.shipped.text_loss import distillation_loss, language_model_loss
from sad.subjects.text_loss import IGNORED, Collated, collated_loss, run

STYLES = runpy.run_path(str(Path(__file__).parents[1] / "subjects" / "right_text_losses.py"))
RIGHT = STYLES["COMPLETION"] | STYLES["WHOLE"]
right_padding, left_padding, packed = STYLES["right_padding"], STYLES["left_padding"], STYLES["packed"]


@pytest.mark.parametrize("name", RIGHT)
def test_right_implementations_hold(name):
    verdict = batch_composition(RIGHT[name])
    assert verdict.holds, verdict.says
    assert verdict.numbers["off"] < 1e-6


@pytest.mark.parametrize("shipped", [language_model_loss, distillation_loss])
def test_the_code_that_trains_holds(shipped):
    verdict = batch_composition(shipped())
    assert verdict.holds, verdict.says
    assert "mean over targets" in verdict.says


def test_a_sum_over_the_number_of_texts_is_right_too():
    assert batch_composition(lambda model, texts, marks: RIGHT["summed"](model, texts, marks) / len(texts)).holds


def test_how_texts_are_added_up_is_found_out():
    says = {name: batch_composition(RIGHT[name]).says for name in ("summed", "mean over texts", "the whole text")}
    assert "the sum of" in says["summed"]
    assert "the mean over texts of" in says["mean over texts"]
    assert "the mean over all tokens but the first of" in says["the whole text"]


def padding_in_the_mean(model, texts, marks):
    batch = right_padding(texts, marks)
    summed = F.cross_entropy(run(model, batch)[:, :-1].flatten(0, 1), batch.labels[:, 1:].flatten(), reduction="sum")
    return summed / batch.labels.numel()


def gradient_of_padding(model, texts, marks):
    """The right value; the gradient takes in what stands in the padding."""
    right = RIGHT["right padding"](model, texts, marks)
    batch = right_padding(texts, marks)
    other = run(model, batch)[batch.attention_mask == 0].sum()
    return right + 1e-2 * (other - other.detach())


def blocks_with_a_leak(texts, marks):
    """One text sees the one before it."""
    blocks = STYLES["packed_with_blocks"](texts, marks)
    of = torch.tensor([i for i, text in enumerate(texts) for _ in text.ids])
    near = (of[:, None] - of[None, :]) <= 1
    return Collated(blocks.input_ids, blocks.labels, near.tril()[None, None], blocks.position_ids)


def told_by_id(texts, marks):
    """Right as long as no text holds the padding mark."""
    batch = right_padding(texts, marks)
    return Collated(batch.input_ids, batch.labels, (batch.input_ids != marks.pad).long())


def no_positions(texts, marks):
    batch = STYLES["packed_with_blocks"](texts, marks)
    return Collated(batch.input_ids, batch.labels, batch.attention_mask)


def cut_to_the_shortest(texts, marks):
    batch = right_padding(texts, marks)
    shortest = min(len(text.ids) for text in texts)
    return Collated(*(of[:, :shortest] for of in (batch.input_ids, batch.labels, batch.attention_mask)))


@pytest.mark.parametrize(
    "wrong",
    [
        padding_in_the_mean,
        gradient_of_padding,
        collated_loss(blocks_with_a_leak),
        collated_loss(no_positions),
        collated_loss(told_by_id),
        collated_loss(cut_to_the_shortest),
        lambda *_: None,
        lambda model, texts, marks: RIGHT["right padding"](model, texts, marks) * (math.nan if len(texts) > 2 else 1),
        lambda model, texts, marks: RIGHT["right padding"](model, texts[:1], marks),
    ],
)
def test_wrong_ones_break_it(wrong):
    assert not batch_composition(wrong).holds


@pytest.mark.parametrize("factor", [0.0, math.nan])
def test_no_loss_is_no_right_one(factor):
    verdict = batch_composition(lambda *given: factor * RIGHT["right padding"](*given))
    assert not verdict.holds
    assert verdict.says.startswith("one text alone has a loss of ")


def test_a_gradient_alone_is_enough_and_is_told():
    verdict = batch_composition(gradient_of_padding)
    assert "a gradient off by" in verdict.says


@pytest.mark.parametrize("at", [1, 2])
def test_one_that_raises_gets_a_verdict(at):
    def raises(model, texts, marks):
        if len(texts) == at:
            raise RuntimeError("no room\nat all")
        return RIGHT["right padding"](model, texts, marks)

    verdict = batch_composition(raises)
    assert not verdict.holds
    assert verdict.says.endswith("no room")


def test_every_text_is_padded_in_some_batch_but_the_longest():
    lengths = [len(text.ids) for text in TEXTS]
    padded = {i for batch in BATCHES for i in batch if lengths[i] < max(lengths[j] for j in batch)}
    assert padded == set(range(len(TEXTS))) - {lengths.index(max(lengths))}
    assert IGNORED == -100
