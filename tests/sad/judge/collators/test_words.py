"""The tokenizer whose words are numbers."""

from hypothesis import given
from hypothesis import strategies as st

from sad.judge.collators.words import tokenizer, written
from sad.subjects.text_loss import Marks


@given(st.lists(st.integers(0, 47), min_size=1), st.sampled_from([Marks(0, 1), Marks(0, 0), Marks(3, 7)]))
def test_any_ids_are_written_and_read_again(ids, marks):
    made = tokenizer(marks)
    assert made(written(ids, marks), add_special_tokens=False)["input_ids"] == ids
    assert (made.eos_token_id, made.pad_token_id) == (marks.eos, marks.pad)


def test_a_conversation_is_its_messages():
    talk = [{"role": "user", "content": "t5 t6"}, {"role": "assistant", "content": "t7 </s>"}]
    told = tokenizer(Marks(0, 1)).apply_chat_template(
        talk, tokenize=True, return_dict=True, return_assistant_tokens_mask=True
    )
    assert told["input_ids"] == [5, 6, 47, 7, 0]
    assert told["assistant_masks"] == [0, 0, 0, 1, 1]


def test_the_side_is_the_one_that_is_asked_for():
    assert tokenizer(Marks(0, 1), "left").padding_side == "left"
    assert tokenizer(Marks(0, 1)).padding_side == "right"
