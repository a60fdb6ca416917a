"""The collators of the installed transformers under the properties of a text loss: what they are today."""

import copy

import pytest
from transformers import DataCollatorForLanguageModeling, DataCollatorForSeq2Seq, DataCollatorWithFlattening

from sad import tiny
from sad.invariants.batch_composition import batch_composition
from sad.invariants.target_alignment import target_alignment
from sad.subjects.text_loss import IGNORED, Collated, collated_loss, labels


def tokenizer(marks, side):
    made = copy.deepcopy(tiny.tokenizer(300))
    assert (made.eos_token_id, made.pad_token_id) == (0, 1)
    made.pad_token_id, made.padding_side = marks.pad, side
    return made


def language_modeling(texts, marks, side="right"):
    collator = DataCollatorForLanguageModeling(tokenizer(marks, side), mlm=False)
    return collator([{"input_ids": list(text.ids)} for text in texts])


def seq2seq(texts, marks, side="right"):
    collator = DataCollatorForSeq2Seq(tokenizer(marks, side), label_pad_token_id=IGNORED)
    return collator([{"input_ids": list(text.ids), "labels": labels(text)} for text in texts])


def flattening(texts, _marks):
    # without labels of their own, it masks the first token of each text
    rows = [{"input_ids": list(text.ids), "labels": [IGNORED, *labels(text)[1:]]} for text in texts]
    return DataCollatorWithFlattening()(rows)


def loss(collator):
    def collate(texts, marks):
        batch = collator(texts, marks)
        return Collated(batch["input_ids"], batch["labels"], batch.get("attention_mask"), batch.get("position_ids"))

    return collated_loss(collate)


@pytest.mark.parametrize("collator", [seq2seq, flattening])
def test_those_that_mask_by_length_hold(collator):
    assert target_alignment(loss(collator)).holds
    assert batch_composition(loss(collator)).holds


def test_the_one_for_language_modeling_masks_the_end_mark_where_it_is_the_padding_mark():
    verdict = target_alignment(loss(language_modeling))
    assert "of 5 end marks are targets (in training, padded with the end mark)" in verdict.says


def test_on_the_left_a_causal_model_needs_positions_that_no_collator_gives():
    verdict = batch_composition(loss(lambda *given: seq2seq(*given, side="left")))
    assert "(GPT-2" in verdict.says or "10 and 11 tokens" in verdict.says
    assert not verdict.holds
