"""Right evaluators of several styles are left alone; each faulty one breaks the property that is for it."""

from __future__ import annotations

from pathlib import Path

import pytest
import strange

from sad.errors import UserError
from sad.judge.target import load
from sad.verdict import Standing

HERE = Path(__file__).parent
ASKING, BUILDING = HERE / "asking_evaluators.py", HERE / "building_evaluators.py"
RIGHT, FAULTY = (HERE / f"{name}_evaluators.py" for name in ("right", "faulty"))
STYLES, FAULTS = load(f"{RIGHT}:STYLES"), load(f"{FAULTY}:FAULTS")


@pytest.mark.parametrize("name", STYLES)
def test_a_right_one_is_left_alone(name):
    what, lines = strange.judged(RIGHT, name, "evaluator")
    assert {one: line.says for one, line in lines.items() if line.standing is Standing.BROKEN} == {}, what
    # the model's own loss of no label is NaN, and so is what is made of it
    assert lines["token_weighted"].standing is (
        Standing.ALLOWED if "weighed" in name or "." in name else Standing.HOLDS
    )


def test_what_an_evaluator_makes_itself_is_given_to_it():
    what, lines = strange.judged(BUILDING, "OverItsOwnLoader.evaluate", "evaluator")
    assert {one: line.says for one, line in lines.items() if line.standing is Standing.BROKEN} == {}, what
    assert lines["token_weighted"].standing is Standing.HOLDS
    _, lines = strange.judged(BUILDING, "MeanOfBatches.evaluate", "evaluator", ("batch_split",))
    assert lines["batch_split"].standing is Standing.BROKEN


@pytest.mark.parametrize("name", load(f"{ASKING}:STYLES"))
def test_what_one_asks_for_is_found_out(name):
    what, lines = strange.judged(ASKING, name, "evaluator")
    assert {one: line.says for one, line in lines.items() if line.standing is Standing.BROKEN} == {}, what
    assert lines["token_weighted"].standing is not Standing.NOT_APPLICABLE


def test_labels_of_the_rows_are_told_by_the_value_they_give():
    _, said = strange.assumed(ASKING, "perplexity", "evaluator")
    assert "it takes logits and labels of all texts at once; row i is judged by label i" in said
    _, lines = strange.judged(ASKING, "perplexity_of_all", "evaluator", ("token_weighted",))
    assert lines["token_weighted"].standing is Standing.BROKEN
    assert "perplexity" in lines["token_weighted"].says


@pytest.mark.parametrize(
    ("name", "word"),
    [("asks_too_much", r"what config\.frobnication should be")],
)
def test_what_is_not_for_texts_is_told(name, word):
    with pytest.raises(UserError, match=word):
        strange.judged(ASKING, name, "evaluator")


@pytest.mark.parametrize("name", FAULTS)
def test_a_faulty_one_breaks_its_property(name):
    wanted, word = FAULTS[name]
    _, lines = strange.judged(FAULTY, name, "evaluator", (wanted,))
    assert lines[wanted].standing is Standing.BROKEN
    assert word in lines[wanted].says
    assert lines[wanted].replay == f"sad verify --evaluator it --only {wanted}"


@pytest.mark.parametrize(
    ("file", "name", "one", "word"),
    [
        (RIGHT, "weighed_means", "modes_restored", "call train() before the next step"),
        (RIGHT, "perplexity", "modes_restored", "training mode that were not"),
        (FAULTY, "no_gradient_left_off", "modes_restored", "no_grad"),
        (FAULTY, "nan_without_labels", "token_weighted", "without any label"),
    ],
)
def test_what_is_left_to_the_caller_is_allowed_and_said(file, name, one, word):
    _, lines = strange.judged(file, name, "evaluator", (one,))
    assert lines[one].standing is Standing.ALLOWED
    assert word in lines[one].says


def test_a_number_that_is_not_known_is_judged_by_its_batches_alone():
    what, lines = strange.judged(FAULTY, "objective_of_batches", "evaluator")
    assert what == "an evaluator that reports numbers of its own"
    assert lines["token_weighted"].standing is Standing.NOT_APPLICABLE
    assert "texts with" in lines["batch_split"].example


def test_the_trainer_of_transformers_averages_the_means_of_batches():
    """As it is installed: each batch's mean counts by its texts, not by its labels."""
    what, lines = strange.judged(
        Path("transformers"), "Trainer.evaluate", "evaluator", ("batch_split", "can_be_called")
    )
    assert what == "an evaluator that reports lm loss"
    assert lines["can_be_called"].standing is Standing.HOLDS
    assert lines["batch_split"].standing is Standing.BROKEN
    assert lines["batch_split"].numbers["split"] > lines["batch_split"].numbers["whole"]
    assert lines["batch_split"].example.startswith("texts with 3, 28, 7, 1, 18, 7 labels")


def test_a_distance_is_told_by_its_value_where_its_name_leaves_that_open():
    what, lines = strange.judged(FAULTY, "distance", "evaluator", ("token_weighted",))
    assert what == "an evaluator that reports kl"
    assert lines["token_weighted"].standing is Standing.HOLDS
    what, lines = strange.judged(FAULTY, "reverse_kl", "evaluator", ("token_weighted",))
    assert what == "an evaluator that reports numbers of its own"
    assert lines["token_weighted"].standing is Standing.NOT_APPLICABLE


def test_an_unknown_parameter_needs_an_adapter():
    with pytest.raises(UserError, match="frobnication"):
        strange.judged(FAULTY, "asks_too_much", "evaluator")
    with pytest.raises(UserError, match=r"asks Recaller for .generate"):
        strange.judged(FAULTY, "generates", "evaluator")
    judge = load(f"{RIGHT}:summed")
    _, lines = strange.judged(
        FAULTY, "asks_too_much", "evaluator", adapter=lambda given, _: judge(given.model, given.batches)
    )
    assert lines["token_weighted"].standing is Standing.HOLDS


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("summed", "its batches are dicts with input_ids, attention_mask and labels; the model is called as those of"),
        (
            "of_logits",
            "its batches are pairs of what is read and the token after each; the model is called as",
        ),
        ("without_labels", "dicts with input_ids and attention_mask, without prompts"),
        ("compute_metrics", "it takes logits and labels of all texts at once"),
        ("Accuracy", "it takes the likeliest tokens and labels of all texts at once"),
    ],
)
def test_it_is_told_what_it_was_given(name, told):
    assert told in strange.assumed(RIGHT, name, "evaluator")[1][0]


def test_logits_alone_are_told():
    alone, whole = (strange.assumed(RIGHT, name, "evaluator")[1][0] for name in ("of_logits", "summed"))
    assert "returns its logits alone" in alone
    assert "returns its logits alone" not in whole


def test_one_that_slices_its_batches_gets_a_list():
    _, lines = strange.judged(RIGHT, "all_but_none", "evaluator", ("can_be_called", "token_weighted"))
    assert [line.standing for line in lines.values()] == [Standing.HOLDS, Standing.HOLDS]


def test_a_metric_may_take_what_it_is_given_by_place():
    _, lines = strange.judged(RIGHT, "by_place", "evaluator", ("can_be_called", "token_weighted"))
    assert [line.standing for line in lines.values()] == [Standing.HOLDS, Standing.HOLDS]


def test_a_mean_of_means_of_classes_is_told():
    _, lines = strange.judged(ASKING, "of_images_by_batches", "evaluator", ("batch_split", "token_weighted"))
    assert {line.standing for line in lines.values()} == {Standing.BROKEN}
    assert "accuracy" in lines["token_weighted"].says


def test_bits_a_byte_do_not_depend_on_the_batches():
    _, lines = strange.judged(ASKING, "bits_a_byte", "evaluator")
    assert lines["batch_split"].standing is Standing.HOLDS
    assert {one: line.says for one, line in lines.items() if line.standing is Standing.BROKEN} == {}


def test_padding_that_nothing_tells_of_may_not_be_there():
    asked = ("batch_split", "token_weighted")
    _, lines = strange.judged(ASKING, "of_ids", "evaluator", asked)
    assert {lines[one].standing for one in asked} == {Standing.ALLOWED}
    assert all("right where all have one length" in lines[one].says for one in asked)
    _, lines = strange.judged(ASKING, "means_of_ids", "evaluator", asked)
    assert {lines[one].standing for one in asked} == {Standing.BROKEN}
