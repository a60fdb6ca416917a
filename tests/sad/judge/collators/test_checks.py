"""Right collators of several styles are left alone; each faulty one breaks the property that is for it."""

from __future__ import annotations

from pathlib import Path

import pytest
import strange

from sad.errors import UserError
from sad.judge.target import load
from sad.verdict import Standing

HERE = Path(__file__).parent
RIGHT, FAULTY = (HERE / f"{name}_collators.py" for name in ("right", "faulty"))
STYLES, FAULTS = load(f"{RIGHT}:STYLES"), load(f"{FAULTY}:FAULTS")
ASKING = HERE / "asking_collators.py"


@pytest.mark.parametrize("name", STYLES)
def test_a_right_one_is_left_alone(name):
    what, lines = strange.judged(RIGHT, name, "collator")
    assert {one: line.says for one, line in lines.items() if line.standing is Standing.BROKEN} == {}, what
    assert lines["target_alignment"].standing is Standing.HOLDS or name == "whole_texts"


@pytest.mark.parametrize("name", load(f"{ASKING}:STYLES"))
def test_what_one_asks_for_is_found_out(name):
    what, lines = strange.judged(ASKING, name, "collator", ("tokens_kept", "target_alignment", "left_padding"))
    assert lines["tokens_kept"].standing is Standing.HOLDS, what
    assert lines["target_alignment"].standing is Standing.HOLDS, lines["target_alignment"].says


def test_an_object_that_was_made_already_gets_our_tokenizer():
    _, lines = strange.judged(RIGHT, "ready", "collator", ("target_alignment",))
    assert lines["target_alignment"].standing is Standing.HOLDS


@pytest.mark.parametrize("name", FAULTS)
def test_a_faulty_one_breaks_its_property(name):
    wanted, word = FAULTS[name]
    _, lines = strange.judged(FAULTY, name, "collator", (wanted,))
    assert lines[wanted].standing is Standing.BROKEN
    assert word in lines[wanted].says
    assert lines[wanted].replay == f"sad verify --collator it --only {wanted}"


def test_the_smallest_input_is_shown():
    _, lines = strange.judged(FAULTY, "end_masked", "collator", ("target_alignment",))
    assert "texts [2, 3, 4, 5, 6, 7, 0], the end mark 0 and padding 0: labels" in lines["target_alignment"].example


@pytest.mark.parametrize(
    ("name", "word"),
    [("stacks", "texts of one length only"), ("preferences", "chosen_ids"), ("of_prompts", "no batch of a causal")],
)
def test_what_cannot_be_judged_is_told(name, word):
    with pytest.raises(UserError, match=word):
        strange.judged(FAULTY, name, "collator")


def test_learned_prompts_are_told_where_features_tell_them_apart():
    _, lines = strange.judged(RIGHT, "whole_texts", "collator", ("target_alignment",))
    assert lines["target_alignment"].standing is Standing.ALLOWED
    assert "prompts are learned too" in lines["target_alignment"].says


def test_the_first_end_mark_of_a_text_for_its_last_is_allowed_and_said():
    _, lines = strange.judged(FAULTY, "one_end_alone", "collator")
    assert [name for name, line in lines.items() if line.standing is Standing.BROKEN] == []
    assert lines["target_alignment"].standing is Standing.ALLOWED
    assert "with an end mark inside one" in lines["target_alignment"].says
    assert "4 of 5 end marks are targets" in lines["target_alignment"].says


def test_padding_before_a_text_without_positions_is_allowed_and_said():
    _, lines = strange.judged(RIGHT, "left_of_llama", "collator", ("batch_composition",))
    assert lines["batch_composition"].standing is Standing.ALLOWED
    assert "GPT-2" in lines["batch_composition"].says


def test_a_first_token_that_is_learned_from_padding_is_allowed_and_said():
    _, lines = strange.judged(FAULTY, "WholeTexts", "collator", ("left_padding",))
    assert lines["left_padding"].standing is Standing.ALLOWED
    assert "the first token of a text is learned from the padding" in lines["left_padding"].says


def test_a_text_that_is_refused_is_allowed_and_said():
    _, lines = strange.judged(FAULTY, "Refuses", "collator", ("truncated_alike",))
    assert lines["truncated_alike"].standing is Standing.ALLOWED
    assert (
        "it refuses 2 of 4 texts that are too long: ValueError: the completion is too long"
        in lines["truncated_alike"].says
    )


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("lists", "a collator that pads on the right and masks prompts"),
        ("OnTheLeft", "a collator that pads on the left and masks prompts"),
        ("packed", "a collator that packs texts into rows and masks prompts"),
        ("whole_texts", "a collator that pads on the right and learns prompts too"),
    ],
)
def test_it_is_told_what_it_does(name, what):
    assert strange.assumed(RIGHT, name, "collator")[0] == what


@pytest.mark.parametrize("name", ["lists", "tensors", "conversations"])
def test_features_that_stay_as_they_were_hold(name):
    _, lines = strange.judged(RIGHT, name, "collator", ("features_untouched",))
    assert lines["features_untouched"].says == "features are as they were"


def test_a_prompt_that_is_cut_at_its_end_is_allowed_and_said():
    _, lines = strange.judged(FAULTY, "CutsPromptsShort", "collator", ("truncated_alike",))
    assert lines["truncated_alike"].standing is Standing.ALLOWED
    assert "the end of a prompt is cut and its completion follows" in lines["truncated_alike"].says


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("of_preferences", "it collates preferences"),
        ("seeks_a_mark", r"it looks for <\|im_start\|> in its texts, which no text here has"),
    ],
)
def test_what_is_for_other_texts_is_no_fault(name, why):
    with pytest.raises(UserError, match=why):
        strange.judged(ASKING, name, "collator")
