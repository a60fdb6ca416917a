"""Chats under templates of many kinds: what is learned is each answer with its end mark, byte for byte."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sad import tiny
from sad.align.reader import Reader
from sad.document import Document
from sad.errors import UserError
from sad.text.chat import LeftOutError, Template, make_template, special_pattern

Pieces = list[tuple[str, bool]]
"""A chat as it must be written, and for each piece whether it is learned."""


def knows(*marks: str, begins: bool = False) -> Reader:
    """Return a tokenizer that has some special tokens more."""
    tokenizer = tiny.tokenizer.__wrapped__(400, begins=begins)
    tokenizer.add_special_tokens({"additional_special_tokens": list(marks)})
    return Reader(tokenizer)


MARKS = ("<|im_start|>", "<|im_end|>", "<|return|>", "<|user|>", "<|assistant|>")
STUDENT, TEACHER = knows(*MARKS), tiny.reader(320)

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def chatml(messages: list[dict[str, Any]]) -> Pieces:
    out: Pieces = []
    for m in messages:
        answer = m["role"] == "assistant"
        out += [(f"<|im_start|>{m['role']}\n", False), (f"{m['content']}<|im_end|>", answer), ("\n", False)]
    return out


# the generation marks are the template's own word for it, whatever a prompt looks like
MARKED = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{% if m.role == 'assistant' %}{% generation %}{{ m.content }}"
    "<|im_end|>{% endgeneration %}{% else %}{{ m.content }}<|im_end|>{% endif %}{{ '\n' }}{% endfor %}"
)

# white space of a message is taken off; nothing but the next turn ends an answer
PLAIN = (
    "{% for m in messages %}{% if m.role == 'assistant' %}### Answer:\n{{ m.content | trim }}\n\n{% else %}"
    "### Question:\n{{ m.content | trim }}\n\n{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}### Answer:\n{% endif %}"
)


def plain(messages: list[dict[str, Any]]) -> Pieces:
    out: Pieces = []
    for m in messages:
        answer = m["role"] == "assistant"
        out += [
            ("### Answer:\n" if answer else "### Question:\n", False),
            (m["content"].strip(), answer),
            ("\n\n", False),
        ]
    return out[:-1]


# only the last answer has room for thoughts: what is written of a turn changes when the chat goes on
THINKS = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{% if m.role == 'assistant' and loop.last %}"
    "<think>\n\n</think>\n\n{% endif %}{{ m.content.split('</think>')[-1].strip() }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def thinks(messages: list[dict[str, Any]]) -> Pieces:
    out: Pieces = []
    for i, m in enumerate(messages):
        answer, thoughts = m["role"] == "assistant", "<think>\n\n</think>\n\n" if i == len(messages) - 1 else ""
        said = thoughts * answer + m["content"].strip() + "<|im_end|>"
        out += [(f"<|im_start|>{m['role']}\n", False), (said, answer), ("\n", False)]
    return out


# the last answer ends with another mark than those before it
RETURNS = (
    "{% for m in messages %}<|im_start|>{{ m.role }}:{{ m.content }}{% if m.role == 'assistant' and loop.last %}"
    "<|return|>{% else %}<|im_end|>{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant:{% endif %}"
)


def returns(messages: list[dict[str, Any]]) -> Pieces:
    out: Pieces = []
    for i, m in enumerate(messages):
        answer = m["role"] == "assistant"
        mark = "<|return|>" if answer and i == len(messages) - 1 else "<|im_end|>"
        out += [(f"<|im_start|>{m['role']}:", False), (f"{m['content']}{mark}", answer)]
    return out


# a turn ends where the next begins, which is no mark of its own
TURNS = (
    "{% for m in messages %}<|{{ m.role }}|>\n{{ m.content }}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)


def turns(messages: list[dict[str, Any]]) -> Pieces:
    return [p for m in messages for p in ((f"<|{m['role']}|>\n", False), (m["content"], m["role"] == "assistant"))]


# no generation prompt at all
PROMPTLESS = "{% for m in messages %}[{{ m.role }}] {{ m.content }}<|im_end|>{% endfor %}"


def promptless(messages: list[dict[str, Any]]) -> Pieces:
    return [
        p
        for m in messages
        for p in ((f"[{m['role']}] ", False), (f"{m['content']}<|im_end|>", m["role"] == "assistant"))
    ]


WRITTEN: dict[str, tuple[str, Callable[[list[dict[str, Any]]], Pieces]]] = {
    "chatml": (CHATML, chatml),
    "generation marks": (MARKED, chatml),
    "no end mark": (PLAIN, plain),
    "thoughts of the last turn only": (THINKS, thinks),
    "another last mark": (RETURNS, returns),
    "turns without an end": (TURNS, turns),
    "no generation prompt": (PROMPTLESS, promptless),
}

# nothing that any of the templates writes, and letters of more than one byte
words = st.text(st.sampled_from("abc äö夜🐋\n"), min_size=1, max_size=12).filter(str.strip)
chats = st.lists(st.tuples(words, words), min_size=1, max_size=4).map(
    lambda pairs: [
        {"role": role, "content": text}
        for question, answer in pairs
        for role, text in (("user", question), ("assistant", answer))
    ]
)


def template(source: str, writer: Reader = STUDENT) -> Template:
    return make_template(source, writer, [STUDENT, TEACHER])


def learned(document: Document) -> list[str]:
    data = document.text.encode()
    return [data[start:stop].decode() for start, stop in document.learned or ()]


@pytest.mark.parametrize("kind", WRITTEN)
@settings(max_examples=25, deadline=None)
@given(chats)
def test_each_answer_is_learned_with_its_end_mark_and_nothing_else(kind: str, chat: list[dict[str, Any]]) -> None:
    source, by_hand = WRITTEN[kind]
    # white space at the end of an answer that has no mark behind it belongs to the template as far as anyone can tell
    if kind == "turns without an end":
        chat = [{**m, "content": m["content"].strip()} for m in chat]
    document, prompted = template(source).document(chat, 0, None, whole=False)
    wanted = by_hand(chat)
    assert document.text == "".join(piece for piece, _ in wanted)
    assert learned(document) == [piece for piece, is_answer in wanted if is_answer]
    assert prompted == (kind != "no generation prompt")


def test_the_whole_of_a_chat_is_learned_when_asked_for() -> None:
    chat = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}, {"role": "user", "content": "c"}]
    document, _ = template(CHATML).document(chat, 0, None, whole=True)
    assert document == Document("".join(piece for piece, _ in chatml(chat)))


def test_nothing_after_the_last_answer_is_written_and_no_answer_before_the_given() -> None:
    chat = [
        {"role": r, "content": c} for r, c in (("user", "a"), ("assistant", "b"), ("user", "c"), ("assistant", "d"))
    ]
    document, _ = template(CHATML).document([*chat, {"role": "user", "content": "e"}], 3, None, whole=False)
    assert document.text == "".join(piece for piece, _ in chatml(chat))
    assert learned(document) == ["d<|im_end|>"]
    marked, _ = template(MARKED).document(chat, 3, None, whole=False)
    assert learned(marked) == ["d<|im_end|>"]


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("{% for m in messages %}<|im_start|>{{ m.content | upper }}{% endfor %}", "cannot be found"),
        ("{% for m in messages %}{{ m.content }} {{ m.content }};{% endfor %}", "cannot be found"),
        ("{% for m in messages %}{{ m.content | length }}{% endfor %}", "cannot be found"),
        (MARKED.replace("{% generation %}{{ m.content }}", "{{ m.content }}{% generation %}"), "do not hold"),
        (MARKED.replace("m.role == 'assistant'", "loop.last"), "do not hold"),
        ("{{ raise_exception('no user here') }}", r"refuses \(no user here\)"),
    ],
)
def test_an_answer_that_cannot_be_proven_is_left_out(source: str, reason: str) -> None:
    chat = [
        {"role": r, "content": c} for r, c in (("user", "aa"), ("assistant", "bb"), ("user", "cc"), ("assistant", "dd"))
    ]
    with pytest.raises(LeftOutError, match=reason):
        template(source).document(chat, 0, None, whole=False)


def test_a_chat_without_an_answer_is_left_out() -> None:
    with pytest.raises(LeftOutError, match="without an answer"):
        template(CHATML).document([{"role": "user", "content": "a"}], 0, None, whole=False)


def test_a_template_that_is_no_template_is_an_error() -> None:
    with pytest.raises(UserError, match=r"broken in line 2 \(.*\): mend it, or set data.template to another"):
        template("a\n{% for m in %}").document([{"role": "user", "content": "a"}], 0, None, whole=True)


@pytest.mark.parametrize("where", ["content", "name", "deep"])
@pytest.mark.parametrize("mark", ["<|im_end|>", "<|endoftext|>"])
def test_a_message_cannot_forge_a_special_token(where: str, mark: str) -> None:
    message: dict[str, Any] = {"role": "user", "content": "hello"}
    message |= {"deep": [{"arguments": {"x": [f"a{mark}"]}}]} if where == "deep" else {where: f"a{mark}b"}
    with pytest.raises(LeftOutError, match="spelling of a special token"):
        template(CHATML).document([message, {"role": "assistant", "content": "b"}], 0, None, whole=False)


def test_a_mark_of_either_tokenizer_is_no_text() -> None:
    pattern = special_pattern([TEACHER, knows("<|a|>", "<|a|>b")])
    assert pattern.fullmatch("<|a|>b")
    assert pattern.fullmatch("<|pad|>")
    assert not pattern.search("<|im_end|>")
    assert not special_pattern([]).search("<|im_end|>")


def test_the_templates_marks_are_special_tokens_of_who_has_them() -> None:
    chat = [{"role": "user", "content": "hello"}, {"role": "assistant", "content": "a whale"}]
    document, _ = template(CHATML).document(chat, 0, None, whole=False)
    (mine,), (theirs,) = STUDENT.read([document.text]), TEACHER.read([document.text])
    end = STUDENT.tokenizer.convert_tokens_to_ids("<|im_end|>")
    assert mine.ids.tolist().count(end) == 2
    # the other one reads the letters; both have read the same where the mark ends
    start, stop = (document.learned or ())[0]
    assert stop in mine.ends
    assert stop in theirs.ends
    assert b"".join(TEACHER.bytes[i] or b"" for i in theirs.ids.tolist()) == document.text.encode()
    # the answer begins at a common boundary too
    assert start in mine.ends
    assert start in theirs.ends


def test_a_begin_mark_is_written_once() -> None:
    writer = knows("<|im_start|>", "<|im_end|>", begins=True)
    chat = [{"role": "user", "content": "ü"}, {"role": "assistant", "content": "b"}]
    document, _ = make_template("{{ bos_token }}" + CHATML, writer, [writer]).document(chat, 0, None, whole=False)
    assert document.text == "".join(piece for piece, _ in chatml(chat))
    assert learned(document) == ["b<|im_end|>"]
    # a tokenizer that puts none before a text leaves the template's alone
    kept, _ = make_template("{{ eos_token }}" + CHATML, STUDENT, [STUDENT]).document(chat, 0, None, whole=False)
    assert kept.text.startswith("<|endoftext|><|im_start|>")
    assert learned(kept) == ["b<|im_end|>"]
