"""From rows to documents: the recipe decides what is read, and nothing is left out silently."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from sad import tiny
from sad.align.reader import Reader
from sad.document import Document
from sad.errors import UserError
from sad.recipe.inputs import Data
from sad.text.files import Row
from sad.text.writer import Writer

CHATML = (
    "{% for m in messages %}<{{ m.role }}>{{ m.content }}</>{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)


def reader(template: str | None = None) -> Reader:
    tokenizer = tiny.tokenizer.__wrapped__(320)
    tokenizer.chat_template = template
    return Reader(tokenizer)


def written(
    rows: Iterable[Mapping[str, Any] | str], readers: tuple[Reader, ...] = (), **data: Any
) -> tuple[list[Document], list[str]]:
    told: list[str] = []
    writer = Writer(Data(**data), list(readers), told.append)
    tally = writer.tally("a.jsonl")
    found = list(writer.documents([Row("a.jsonl", "line", i, one) for i, one in enumerate(rows, 1)], tally))
    tally.finish(told.append)
    return found, told


def refused(rows: Iterable[Mapping[str, Any]], readers: tuple[Reader, ...] = (), **data: Any) -> str:
    with pytest.raises(UserError) as caught:
        written(rows, readers, **data)
    return str(caught.value)


ANSWERED = [{"prompt": "ä?", "completion": "b"}]


def test_rows_that_hold_no_text_are_counted() -> None:
    found, told = written([{"id": 1}, {"text": "a"}, {"text": " \n"}, {"text": "half \ud83d"}, {"text": "b"}, "c"])
    assert found == [Document("a"), Document("b"), Document("c")]
    assert told == [
        "a.jsonl: 1 of 6 rows left out that hold null (the first: a.jsonl, line 1)",
        "a.jsonl: 1 of 6 rows left out that are empty (the first: a.jsonl, line 3)",
        "a.jsonl: 1 of 6 rows left out that hold half a character (a lone surrogate) (the first: a.jsonl, line 4)",
    ]


def test_rows_of_padding_alone_are_no_text() -> None:
    found, told = written([{"text": "<|pad|><|pad|>\n <|endoftext|>"}, {"text": "a <|pad|>"}], (reader(),))
    assert found == [Document("a <|pad|>")]
    assert "1 of 2 rows left out that hold nothing but special tokens (the first: a.jsonl, line 1)" in told[0]


def test_plain_text_that_spells_a_special_token_is_read_as_one_and_told() -> None:
    found, told = written([{"text": "a<|endoftext|>b"}, {"text": "c"}], (reader(),))
    assert len(found) == 2
    assert told == ["a.jsonl: 1 of 2 documents spell <|endoftext|>, which is read as that special token, not as text"]


def test_a_row_that_is_no_text_is_an_error() -> None:
    assert refused([{"text": "a"}, {"text": 3}]) == "a.jsonl, line 2: column 'text' holds int, not text"


def test_plain_text_has_no_answers() -> None:
    assert "plain text has no answers" in refused([{"text": "a"}], learn="completion")


def test_the_template_is_the_students_the_teachers_or_a_files(tmp_path: Path) -> None:
    (tmp_path / "own.jinja").write_text("file:" + CHATML, encoding="utf-8")
    both = reader("student:" + CHATML), reader("teacher:" + CHATML)
    expected = "<user>ä?</><assistant>b</>"
    for wanted, start in (("student", "student:"), ("teacher", "teacher:"), (str(tmp_path / "own.jinja"), "file:")):
        (found,), told = written(ANSWERED, both, template=wanted)
        assert found.text == start + expected
        data = found.text.encode()
        assert [data[a:b] for a, b in found.learned or ()] == [b"b</>"]
        assert ("another chat template" in " ".join(told)) == (wanted != "teacher")
    assert "read with data.prompt = prompt, data.completion = completion" in told[0]


def test_a_mark_that_one_of_them_has_no_token_for_is_told() -> None:
    source = CHATML.replace("</>", "<|end|>")
    knows, lacks = reader(source), reader(source)
    knows.tokenizer.add_special_tokens({"additional_special_tokens": ["<|end|>"]})
    told = [written(ANSWERED, both)[1][1:] for both in ((knows, lacks), (lacks, knows), (lacks, lacks))]
    mark = "has no token <|end|> of the chat template, and"
    assert told == [[f"the teacher {mark} reads the letters of it"], [f"the student {mark} learns to spell it"], []]


def test_without_a_template_the_way_out_is_told() -> None:
    bare, knows = reader(), reader(CHATML)
    assert "student's tokenizer has no chat template: set data.template to teacher or" in refused(
        ANSWERED, (bare, knows)
    )
    assert "set data.template to a .jinja file" in refused(ANSWERED, (bare, bare))
    assert "the teacher's tokenizer has no chat template" in refused(ANSWERED, (knows, bare), template="teacher")
    assert "neither student, teacher or none, nor a file" in refused(ANSWERED, (knows, knows), template="x.jinja")
    assert "there is none here" in refused(ANSWERED)


def test_a_prompt_and_its_completion_can_be_joined_bare() -> None:
    assert written(ANSWERED, template="none")[0] == [Document("ä?b", ((3, 4),))]
    assert written(ANSWERED, template="none", learn="all")[0] == [Document("ä?b")]
    chat = [{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}] * 2}]
    assert "a chat needs a template" in refused(chat, template="none")
    forged = [*ANSWERED, {"prompt": "a", "completion": "b<|endoftext|>"}, {"prompt": "a", "completion": " "}]
    found, told = written(forged, (reader(),), template="none")
    assert len(found) == 1
    assert "with the spelling of a special token in a message" in told[1]
    assert "without an answer" in told[2]


def test_chats_without_a_label_are_an_error() -> None:
    chat = [{"messages": [{"role": "user", "content": "a"}]}, {"messages": None}]
    expected = "a.jsonl holds no text: 1 rows without an answer, 1 rows that lack a part of the chat"
    assert refused(chat, (reader(CHATML),)) == f"{expected}; name other text, or its column with data.column"
    assert written(chat, (reader(CHATML),), learn="all")[0] == [Document("<user>a</>")]


def test_an_answer_that_begins_in_another_way_is_told() -> None:
    other = CHATML.replace("<assistant>{% endif", "<assistant><think>{% endif")
    (found,), told = written(ANSWERED, (reader(other),))
    assert found.text == "<user>ä?</><assistant>b</>"
    assert found.text.encode()[slice(*(found.learned or ())[0])] == b"b</>"
    assert "1 of 1 documents have an answer that begins otherwise" in told[-1]


def test_tools_are_given_to_the_template() -> None:
    source = "{{ tools[0].name if tools }}:" + CHATML
    (found,), _ = written([{**ANSWERED[0], "tools": [{"name": "clock"}]}], (reader(source),))
    assert found.text.startswith("clock:<user>")


def test_a_glance_needs_no_tokenizer(tmp_path: Path) -> None:
    row = Row("a.jsonl", "line", 1, {"id": 1})
    with pytest.raises(UserError, match="no column 'text'"):
        Writer(Data(), []).look([row])
    Writer(Data(), []).look([row, Row("a.jsonl", "line", 2, {"text": "a"})])
    with pytest.raises(UserError, match="nor a file"):
        Writer(Data(template=str(tmp_path / "none.jinja")), []).look([])
