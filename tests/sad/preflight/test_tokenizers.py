"""Equal sizes are not equality: what differs is named, and what a foreign tokenizer beside a model is."""

from __future__ import annotations

from dataclasses import replace

import pytest
from transformers import PreTrainedTokenizerFast

from sad import tiny
from sad.align.reader import Reader
from sad.align.vocab import VocabMap
from sad.data import Readers
from sad.pair import Pair
from sad.preflight.finding import Level
from sad.preflight.tokenizers import compare, tokenizers


def changed(**more: object) -> Reader:
    """The tiny tokenizer again, with another special mark or a template."""
    from tokenizers import Tokenizer

    base = tiny.tokenizer(320)
    made = Tokenizer.from_str(base.backend_tokenizer.to_str())
    marks = {"eos_token": "<|endoftext|>", "bos_token": "<|endoftext|>", "pad_token": "<|pad|>", **more}
    return Reader(PreTrainedTokenizerFast(tokenizer_object=made, **marks))


def permuted(reader: Reader) -> Reader:
    """A tokenizer of the same size whose ids are in another order."""
    import json

    from tokenizers import Tokenizer

    rules = json.loads(reader.tokenizer.backend_tokenizer.to_str())
    words = list(rules["model"]["vocab"])
    marks = {t["content"] for t in rules["added_tokens"]}
    free = [w for w in words if w not in marks]
    ids = [rules["model"]["vocab"][w] for w in free]
    rules["model"]["vocab"] |= dict(zip(free, reversed(ids), strict=True))
    made = Tokenizer.from_str(json.dumps(rules))
    return Reader(
        PreTrainedTokenizerFast(
            tokenizer_object=made, eos_token="<|endoftext|>", bos_token="<|endoftext|>", pad_token="<|pad|>"
        )
    )


@pytest.fixture
def pair() -> Pair:
    return tiny.pair(320, 320)


def with_readers(pair: Pair, student: Reader, teacher: Reader) -> Pair:
    return replace(pair, readers=Readers(student, teacher), vocab=VocabMap(student, teacher))


def test_one_tokenizer_is_identical_and_its_path_is_plain_kd(bench, pair) -> None:
    says = [f.says for f in tokenizers(bench(of=pair))]
    assert says[0].startswith("identical: ")
    assert "plain KD" in says[0]
    assert all("equal sizes" not in s for s in says)


def test_padding_rows_are_told_apart_from_tokens() -> None:
    one = tiny.reader(320)
    assert compare(one, one, one.size, one.size).kind == "identical"
    assert compare(one, one, one.size + 32, one.size).kind == "same with padded rows"
    assert compare(one, one, one.size + 32, one.size + 32).kind == "same with padded rows"


def test_equal_sizes_with_other_ids_are_no_equality(bench, pair) -> None:
    """The trap of every trainer that compares vocabulary sizes."""
    student, teacher = tiny.reader(320), permuted(tiny.reader(320))
    assert student.size == teacher.size
    found = list(tokenizers(bench(of=with_readers(pair, student, teacher))))
    assert found[0].says.startswith("overlapping: ")
    assert "vocabulary" in found[0].says
    trap = next(f for f in found if f.says.startswith("equal sizes"))
    assert trap.level is Level.WARNING
    assert trap.numbers["moved"] > 0.9
    assert trap.numbers["shared"] == 1.0


def test_each_part_that_differs_is_named(sentencepiece, folding) -> None:
    other = changed(pad_token="<|endoftext|>")
    other.tokenizer.chat_template = "{{ messages }}"
    differ = compare(tiny.reader(320), other, 320, 320).differ
    assert differ == ("chat template", "pad id (1, 0)")
    differ = " ".join(compare(tiny.reader(320), sentencepiece, 320, 320).differ)
    for part in ("vocabulary", "merges", "pre-tokenizer", "EOS id", "marks before a text (0, 1)"):
        assert part in differ
    assert "normaliser" in compare(tiny.reader(320), folding, 320, 320).differ


def test_nothing_in_common_is_disjoint() -> None:
    from sad import passage

    readers = passage.readers()
    lone = Reader(tiny.tokenizer(258))  # bytes and marks alone
    assert compare(lone, readers.teacher, 258, 258).kind == "disjoint"


def test_a_tokenizer_that_is_not_the_models_own_is_wrong(bench, pair, pair_folder) -> None:
    """The student folder has 320 tokens; the recipe reads it with the teacher's tokenizer."""
    changes = {"student": {"model": str(pair_folder / "student"), "tokenizer": str(pair_folder / "teacher")}}
    readers = with_readers(pair, tiny.reader(400), tiny.reader(400))
    found = [f for f in tokenizers(bench(changes, of=readers)) if f.level is Level.WRONG]
    assert len(found) == 1
    assert "the student is read with" in found[0].says
    assert found[0].edits == {"student.tokenizer": None}
    right = {"student": {"model": str(pair_folder / "student"), "tokenizer": str(pair_folder / "student")}}
    assert all(
        f.level is not Level.WRONG for f in tokenizers(bench(right, of=with_readers(pair, *[tiny.reader(320)] * 2)))
    )


def test_many_more_rows_than_tokens_are_suspicious(bench, pair) -> None:
    wide = replace(pair, teacher=tiny.model(4000, layers=1, width=16, seed=0).eval().requires_grad_(False))
    found = [f for f in tokenizers(bench(of=wide)) if f.level is Level.WARNING]
    assert "than padding explains" in found[0].says


def test_a_tokenizer_without_eos_is_a_warning(bench, pair) -> None:
    lacking = changed(eos_token=None)
    found = [f for f in tokenizers(bench(of=with_readers(pair, lacking, lacking))) if f.level is Level.WARNING]
    assert "no EOS" in found[0].says
