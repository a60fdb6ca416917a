import runpy
from pathlib import Path

import pytest
import torch.nn.functional as F

from sad.invariants.target_alignment import EOS, TEXTS, target_alignment
from sad.shipped.text_loss import language_model_loss
from sad.subjects.text_loss import IGNORED, Collated, Text, collated_loss, run

STYLES = runpy.run_path(str(Path(__file__).parents[1] / "subjects" / "right_text_losses.py"))
RIGHT = STYLES["COMPLETION"] | STYLES["WHOLE"]
right_padding = STYLES["right_padding"]


@pytest.mark.parametrize("name", RIGHT)
def test_right_implementations_hold(name):
    verdict = target_alignment(RIGHT[name])
    assert verdict.holds, verdict.says
    assert verdict.numbers["the next token"] < 1e-9
    assert min(verdict.numbers["the token read"], verdict.numbers["two tokens ahead"]) > 10


def test_a_loss_may_be_divided_by_anything():
    assert target_alignment(lambda *given: RIGHT["summed"](*given) / 1e5).holds


def test_the_code_that_trains_holds():
    assert target_alignment(language_model_loss()).holds


def with_labels(change):
    def collate(texts, marks):
        batch = right_padding(texts, marks)
        return Collated(batch.input_ids, change(batch, texts, marks), batch.attention_mask)

    return collated_loss(collate)


def first_twice(model, texts, marks):
    """The first target of a text is the last of its prompt too, in a second pass."""
    batch = right_padding([Text(t.prompt, t.completion[:1]) for t in texts], marks)
    again = run(model, batch)[:, :-1].flatten(0, 1)
    return RIGHT["summed"](model, texts, marks) + F.cross_entropy(again, batch.labels[:, 1:].flatten(), reduction="sum")


def first_end_only(batch, *_):
    """Everything behind the first end mark is taken for padding."""
    behind = (batch.labels == EOS).cumsum(1) - (batch.labels == EOS).long() > 0
    return batch.labels.masked_fill(behind, IGNORED)


def end_mark_behind_a_cut(texts, marks):
    closed = [Text(t.prompt, t.completion if t.completion[-1] == EOS else (*t.completion, EOS)) for t in texts]
    return right_padding(closed, marks)


def prompt_one_too_long(batch, texts, _):
    labels = batch.labels.clone()
    for row, text in enumerate(texts):
        labels[row, : len(text.prompt) + 1] = IGNORED
    return labels


def prompt_one_too_short(batch, texts, _):
    labels = batch.labels.clone()
    for row, text in enumerate(texts):
        labels[row, max(0, len(text.prompt) - 1)] = batch.input_ids[row, max(0, len(text.prompt) - 1)]
    return labels


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (with_labels(first_end_only), "2 of 20 targets are missing"),
        (with_labels(lambda batch, *_: batch.labels.masked_fill(batch.labels == EOS, IGNORED)), "0 of 5 end marks"),
        (with_labels(prompt_one_too_long), "4 of 20 targets are missing"),
        (with_labels(prompt_one_too_short), "2 pairs of a prompt"),
        (with_labels(lambda batch, *_: batch.input_ids), "of padding"),
        (with_labels(lambda batch, *_: F.pad(batch.labels, (1, 0), value=IGNORED)[:, :-1]), "20 of 20 targets are mis"),
        (with_labels(lambda batch, *_: F.pad(batch.labels, (0, 1), value=IGNORED)[:, 1:]), "from two places before"),
        (with_labels(lambda batch, *_: batch.labels.masked_fill(batch.labels == 22, IGNORED)), "1 of 20 targets are"),
        (lambda model, texts, marks: RIGHT["summed"](model, texts, marks).detach(), "does not require grad"),
        (lambda model, texts, marks: -RIGHT["summed"](model, texts, marks), "targets are missing"),
        (lambda model, texts, marks: RIGHT["summed"](model, texts, marks) + 5, "nats for the next token"),
        (collated_loss(end_mark_behind_a_cut), "1 pair from a text that was cut to an end mark"),
        (first_twice, "a target counts 2 times as much as another of its text"),
        (lambda *_: None, "the loss is None (in training)"),
        (lambda *_: 1.0, "the loss is 1.0"),
    ],
)
def test_wrong_ones_break_it_and_are_named(wrong, says):
    verdict = target_alignment(wrong)
    assert not verdict.holds
    assert says in verdict.says


def test_what_is_missing_in_evaluation_alone_is_found():
    def loss(model, texts, marks):
        return RIGHT["right padding"](model, texts, marks) if model.training else None

    assert target_alignment(loss).says == "the loss is None (in evaluation)"


def test_no_token_stands_in_two_places():
    tokens = [token for text in TEXTS for token in text.ids if token != EOS]
    assert len(tokens) == len(set(tokens))
