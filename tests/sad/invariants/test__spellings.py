import pytest

from sad import tiny
from sad.align.token_bytes import token_bytes
from sad.invariants._spellings import cut_otherwise, spellings, written_otherwise
from sad.subjects.plain.spelling import spelled

MADE = {name: (tokenizer, of) for name, tokenizer, of in spellings(tiny.tokenizer(300))}


@pytest.mark.parametrize("name", MADE)
def test_each_token_stands_for_the_one_that_it_is_said_to(name):
    tokenizer, of = MADE[name]
    found = token_bytes(tokenizer)
    assert found[:2] == [None, None]
    assert found[2:] == [spelled(tiny.tokenizer(300), token) for token in of[2:]]


def test_none_spells_its_tokens_as_another_does():
    spelled_so = [frozenset(tokenizer.get_vocab()) for tokenizer, _ in MADE.values()]
    assert len(spelled_so[2] & spelled_so[3]) == 2
    assert len(spelled_so[0] & spelled_so[2]) == 2


def test_what_is_written_otherwise_reads_alike_and_what_is_cut_otherwise_does_not():
    made = tiny.tokenizer(320)
    written, cut = written_otherwise(made), cut_otherwise(made)
    assert made.get_vocab() == written.get_vocab() == cut.get_vocab()
    assert written.backend_tokenizer.to_str() != made.backend_tokenizer.to_str()
    read = [of(tiny.TEXT)["input_ids"] for of in (made, written, cut)]
    assert read[0] == read[1] != read[2]
