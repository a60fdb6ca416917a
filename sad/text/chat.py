"""A chat as text, and the bytes of its answers: found by rendering it in parts, and proven, never guessed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sad.align.reader import Reader
from sad.document import Document
from sad.errors import UserError
from sad.text.columns import Message

STAND_IN = "\ue0f5answer\ue0f6"
"""Takes the place of an answer, to see where the template puts it."""
GENERATION = re.compile(r"\{%-?\s*generation\s*-?%\}")

OTHER_START = "have an answer that begins otherwise than the template's generation prompt; its own text is learned"


class LeftOutError(Exception):
    """A chat that gives no document; the message is the reason, without its place."""


@dataclass(frozen=True)
class Template:
    """A chat template with the names of its tokenizer's special tokens.

    ``begin`` is the begin mark that the reader puts before every text by itself: the template's own is taken off.
    ``forged`` matches the spelling of each special token of both tokenizers: the template may write it, a message
    may not, since a tokenizer cannot tell the two apart.
    """

    source: str
    names: Mapping[str, str]
    begin: str
    forged: re.Pattern[str]

    @cached_property
    def marks(self) -> bool:
        """Whether the template itself says what the model writes."""
        return bool(GENERATION.search(self.source))

    def document(self, messages: Sequence[Message], given: int, tools: Any, *, whole: bool) -> tuple[Document, bool]:  # noqa: ANN401 - what the template takes
        """Write a chat; its answers from message ``given`` on are learned, or the ``whole`` of it.

        Returns the document, and whether every answer follows the template's generation prompt. Raises LeftOutError.
        """
        self.check(messages)
        if whole:
            text, _ = self._write(messages, tools)
            return self._cut(text, None), True
        answers = [i for i, message in enumerate(messages) if message["role"] == "assistant"]
        if not any(i >= given for i in answers):
            raise LeftOutError("without an answer")
        # nothing after the last answer is learned
        messages = messages[: answers[-1] + 1]
        text, marked = self._write(messages, tools)
        if self.marks:
            found = self._marked(text, marked, [messages[i] for i in answers])
            wanted = [one for i, one in zip(answers, found, strict=True) if i >= given]
            return self._cut(text, wanted), True
        search = _Search(self, messages, text, tools)
        ranges = [search.range_of(i) for i in answers if i >= given]
        if search.open_ended:
            # the template writes no end mark: the text ends with the answer, and the tokenizer's own mark follows
            text = text[: ranges[-1][1]]
        return self._cut(text, ranges), search.prompted

    def check(self, messages: Sequence[Message]) -> None:
        """Raise LeftOutError if a message spells a special token."""
        if any(self.forged.search(text) for message in messages for text in _strings(message)):
            raise LeftOutError("with the spelling of a special token in a message")

    def write(self, messages: Sequence[Message], tools: Any, *, prompt: bool = False) -> str | None:  # noqa: ANN401
        """Render a chat, or None where the template refuses it; with ``prompt`` the beginning of an answer follows."""
        try:
            return self._write(messages, tools, prompt=prompt)[0]
        except LeftOutError:
            return None

    def _write(self, messages: Sequence[Message], tools: Any, *, prompt: bool = False) -> tuple[str, list[Any]]:  # noqa: ANN401
        from jinja2 import TemplateSyntaxError
        from transformers.utils.chat_template_utils import render_jinja_template

        try:
            texts, marked = render_jinja_template(
                conversations=[list(messages)],
                tools=tools,
                chat_template=self.source,
                add_generation_prompt=prompt,
                return_assistant_tokens_mask=self.marks,
                **self.names,
            )
        except TemplateSyntaxError as error:
            told = f"the chat template is broken in line {error.lineno} ({error.message})"
            raise UserError(f"{told}: mend it, or set data.template to another") from None
        except Exception as error:
            # a template may raise anything about a chat that it does not know how to write
            told = str(error).strip().partition("\n")[0] or type(error).__name__
            raise LeftOutError(f"that the chat template refuses ({told})") from None
        return texts[0], marked[0] if marked else []

    def _marked(self, text: str, marked: Sequence[Any], answers: Sequence[Message]) -> list[tuple[int, int]]:
        ranges = [(int(start), int(stop)) for start, stop in marked]
        told = "whose answers the template's generation marks do not hold"
        if len(ranges) != len(answers):
            raise LeftOutError(told)
        for (start, stop), answer in zip(ranges, answers, strict=True):
            if _core(answer) not in text[start:stop]:
                raise LeftOutError(told)
        return ranges

    def _cut(self, text: str, ranges: Sequence[tuple[int, int]] | None) -> Document:
        """Take off the begin mark, and count bytes instead of characters."""
        off = len(self.begin) if self.begin and text.startswith(self.begin) else 0
        if ranges is None:
            return Document(text[off:])
        places = (tuple(len(text[off:at].encode("utf-8", "surrogatepass")) for at in one) for one in ranges)
        return Document(text[off:], tuple((start, stop) for start, stop in places if stop > start))


class _Search:
    """Looks for the answers of one chat in its text."""

    def __init__(self, template: Template, messages: Sequence[Message], text: str, tools: Any) -> None:  # noqa: ANN401
        self.template, self.messages, self.text, self.tools = template, messages, text, tools
        self.prompted, self.open_ended = True, False
        self._has_prompt: bool | None = None

    def range_of(self, i: int) -> tuple[int, int]:
        """Characters of answer ``i`` with its end mark, without the white space after it. Raises LeftOutError."""
        prompt = self._prompt(i)
        last = i == len(self.messages) - 1
        until = self.text if last else self.template.write(self.messages[: i + 1], self.tools)
        core = _core(self.messages[i])
        found: tuple[int, int] | None = None
        if prompt is not None and until is not None and self.text.startswith(until) and core in until[len(prompt) :]:
            found = len(prompt), len(until.rstrip())
        else:
            found = self._by_stand_in(i, prompt, core)
        if last:
            self.open_ended = self.text[: found[1]].endswith(core)
        return found

    def _prompt(self, i: int) -> str | None:
        """What the model is given before answer ``i``; None where the template has none, or writes another later."""
        before = self.messages[:i]
        prompt = self.template.write(before, self.tools, prompt=True)
        if self._has_prompt is None:
            # asked once a chat: writing is what takes the time
            self._has_prompt = prompt != self.template.write(before, self.tools)
        return prompt if prompt is not None and self._has_prompt and self.text.startswith(prompt) else None

    def _by_stand_in(self, i: int, prompt: str | None, core: str) -> tuple[int, int]:
        """Write the chat with another text for the answer: what stays the same is not the answer."""
        told = "whose answers cannot be found in what the chat template writes"
        other = [{**m, "content": STAND_IN} if j == i else m for j, m in enumerate(self.messages)]
        written = self.template.write(other, self.tools)
        if written is None or written.count(STAND_IN) != 1 or self.messages[i].get("tool_calls"):
            raise LeftOutError(told)
        before, after = written.split(STAND_IN)
        if not self.text.endswith(after):
            raise LeftOutError(told)
        stop = len(self.text) - len(after)
        if prompt is not None:
            start = len(prompt)
        elif self.text.startswith(before):
            start = len(before)
            self.prompted = False
        else:
            raise LeftOutError(told)
        if start > stop or core not in self.text[start:stop]:
            raise LeftOutError(told)
        return start, stop + len(self._end_mark(stop))

    def _end_mark(self, stop: int) -> str:
        """What the template writes behind an answer to end it: as behind the last one, or one special token."""
        last = [*self.messages[:-1], {**self.messages[-1], "content": STAND_IN}]
        written = self.template.write(last, self.tools)
        mark = "" if written is None else written.rpartition(STAND_IN)[2].rstrip()
        if not mark or self.text.startswith(mark, stop):
            return mark
        special = self.template.forged.match(self.text, stop)
        return special[0] if special else ""


def make_template(source: str, writer: Reader, readers: Sequence[Reader]) -> Template:
    """Put a template together with the special tokens of ``writer``, whose template it is, and of all ``readers``."""
    tokenizer = writer.tokenizer
    names = {key: str(value) for key, value in tokenizer.special_tokens_map.items() if isinstance(value, str)}
    begins = tokenizer.bos_token if tokenizer.bos_token_id in writer.prefix else None
    return Template(source, names, begins or "", special_pattern(readers))


def special_pattern(readers: Sequence[Reader]) -> re.Pattern[str]:
    """Return what matches the spelling of every special token of some tokenizers, the longest first."""
    spelled = {
        added.content
        for reader in readers
        for added in reader.tokenizer.added_tokens_decoder.values()
        if added.special and added.content.strip()
    }
    spelled |= {token for reader in readers for token in reader.tokenizer.all_special_tokens if token.strip()}
    longest = sorted(spelled, key=lambda token: (-len(token), token))
    return re.compile("|".join(map(re.escape, longest)) or r"(?!)")


def _core(answer: Message) -> str:
    """The part of an answer that no template leaves out: what comes after the reasoning, without white space."""
    return str(answer["content"]).rpartition("</think>")[2].strip()


def _strings(value: object) -> Iterator[str]:
    """Every text in a message, however deep."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, one in value.items():
            yield from _strings(key)
            yield from _strings(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _strings(one)
