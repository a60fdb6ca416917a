"""From rows to documents: takes the right columns, writes chats as text, counts what it leaves out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from sad.align.reader import Reader
from sad.document import Document
from sad.errors import UserError
from sad.recipe.inputs import TEMPLATES, Data
from sad.text.chat import OTHER_START, LeftOutError, Template, make_template, special_pattern
from sad.text.columns import Form, chat, form
from sad.text.files import Row
from sad.text.tally import Tally
from sad_doctor import bounded

Tell = Callable[[str], None]

BEGINNING = 100
"""Rows whose columns are looked at before the form of all is decided: a row may lack one."""


class Writer:
    """Writes documents as a recipe asks. ``readers`` are the student's and the teacher's, or none for plain text."""

    def __init__(self, data: Data, readers: Sequence[Reader], tell: Tell | None = None) -> None:
        self.data, self.readers = data, readers
        self.told: Tell = tell or (lambda _: None)
        self._template: Template | None = None
        self._said: set[str] = set()
        self._special = special_pattern(readers) if readers else None

    def tally(self, origin: str) -> Tally:
        """Return a fresh count for a source."""
        return Tally(origin)

    def documents(self, rows: Iterable[Row], tally: Tally) -> Iterator[Document]:
        """Turn rows into documents. Raises UserError for a row that is of another kind than the recipe says."""
        of: Form | None = None
        for row in _with_all_columns(rows):
            tally.rows += 1
            if isinstance(row.values, str):
                made = self._plain(row.values, row, tally)
            else:
                if of is None:
                    of = self._form(list(row.values), row.origin)
                made = self._row(row.values, of, row, tally)
            if made is not None:
                tally.kept += 1
                yield made

    def look(self, rows: Iterable[Row]) -> None:
        """Raise UserError where the columns of ``rows`` are not those of the recipe."""
        columns = (row for row in _with_all_columns(rows) if not isinstance(row.values, str))
        if row := next(columns, None):
            self._form(list(row.values), row.origin)
        if self.data.template not in TEMPLATES:
            _file(self.data.template)

    def _form(self, columns: Sequence[str], origin: str) -> Form:
        of = form(self.data, columns, origin)
        if of.guessed:
            self._say(f"{origin}: it has no column 'text'; read with {of.told}")
        if of.kind == "plain" and self.data.learn == "completion":
            raise UserError(f"{origin}: plain text has no answers: leave out data.learn, or name data.messages")
        return of

    def _row(self, values: Mapping[str, Any], of: Form, row: Row, tally: Tally) -> Document | None:
        if of.kind == "plain":
            found = values.get(of.columns[0])
            if found is not None and not isinstance(found, str):
                raise UserError(
                    f"{row.place}: column {of.columns[0]!r} holds {type(found).__name__}, not text; set data.column"
                )
            return self._plain(found, row, tally)
        messages = chat(values, of, row.place)
        if messages is None:
            tally.leave_out("that lack a part of the chat", row.place)
            return None
        try:
            made, prompted = self._chat(*messages, values.get("tools"))
            _unicode(made.text)
        except LeftOutError as reason:
            tally.leave_out(str(reason), row.place)
            return None
        if not prompted:
            tally.notice(OTHER_START)
        return made

    def _plain(self, text: str | None, row: Row, tally: Tally) -> Document | None:
        try:
            if text is None:
                raise LeftOutError("that hold null")
            if not text.strip():
                raise LeftOutError("that are empty")
            _unicode(text)
        except LeftOutError as reason:
            tally.leave_out(str(reason), row.place)
            return None
        if self._special and (found := self._special.search(text)):
            if not self._special.sub("", text).strip():
                # padding that somebody has written out
                tally.leave_out("that hold nothing but special tokens", row.place)
                return None
            tally.notice(f"spell {found[0]}, which is read as that special token, not as text")
        tally.numbers += text.strip().replace(".", "", 1).replace("-", "", 1).isdigit()
        return Document(text)

    def _chat(self, messages: Sequence[dict[str, Any]], given: int, tools: Any) -> tuple[Document, bool]:  # noqa: ANN401
        whole = self.data.learn == "all"
        if self.data.template == "none":
            return self._joined(messages, given, whole=whole), True
        if self._template is None:
            self._template = self._make()
        return self._template.document(messages, given, tools if isinstance(tools, list) else None, whole=whole)

    def _joined(self, messages: Sequence[dict[str, Any]], given: int, *, whole: bool) -> Document:
        """The question and its answer, one behind the other, with nothing in between."""
        if given != 1 or [m["role"] for m in messages] != ["user", "assistant"]:
            raise UserError(
                "data.template is none, which joins a prompt with its completion: set it to student, a chat needs one"
            )
        if self._special and any(self._special.search(m["content"]) for m in messages):
            raise LeftOutError("with the spelling of a special token in a message")
        question, answer = (str(m["content"]) for m in messages)
        if not answer.strip():
            raise LeftOutError("without an answer")
        ends = (len(part.encode("utf-8", "surrogatepass")) for part in (question, question + answer))
        return Document(question + answer, None if whole else (tuple(ends),))  # type: ignore[arg-type]

    def _make(self) -> Template:
        if not self.readers:
            raise UserError(
                "a chat needs the template of a tokenizer, and there is none here: set data.template to a file"
            )
        student, teacher = self.readers[0], self.readers[-1]
        wanted = self.data.template
        if wanted in TEMPLATES:
            writer = teacher if wanted == "teacher" else student
            source = _own(writer)
            if source is None:
                others = "a .jinja file" if _own(teacher) is None or wanted == "teacher" else "teacher or a .jinja file"
                none = ", or for a prompt with its completion to none"
                raise UserError(f"the {wanted}'s tokenizer has no chat template: set data.template to {others}{none}")
        else:
            writer, source = student, _file(wanted)
        if (theirs := _own(teacher)) is not None and theirs != source:
            self._say(
                "the teacher was trained with another chat template than the one that the text is written in; both "
                "models read the same text (data.template = teacher takes the teacher's)"
            )
        made = make_template(source, writer, self.readers)
        for name, reader, does in (
            ("student", student, "learns to spell"),
            ("teacher", teacher, "reads the letters of"),
        ):
            known = reader.tokenizer.get_vocab()
            if strange := sorted({mark for mark in made.forged.findall(source) if mark not in known}):
                self._say(f"the {name} has no token {', '.join(strange)} of the chat template, and {does} it")
        return made

    def _say(self, line: str) -> None:
        if line not in self._said:
            self._said.add(line)
            self.told(line)


def _with_all_columns(rows: Iterable[Row]) -> Iterator[Row]:
    """Give the first row the columns of some after it, as nulls: JSON lines leave out what is empty."""
    held: list[Row] = []
    rest = iter(rows)
    for row in rest:
        held.append(row)
        if len(held) == BEGINNING:
            break
    names = dict.fromkeys(name for row in held if not isinstance(row.values, str) for name in row.values)
    for row in held:
        filled = row.values if isinstance(row.values, str) else {**dict.fromkeys(names), **row.values}
        yield Row(row.origin, row.unit, row.number, filled)
    yield from rest


def _own(reader: Reader) -> str | None:
    """The chat template of a tokenizer; of several the one for chats without tools."""
    try:
        found = reader.tokenizer.get_chat_template()
    except ValueError:
        return None
    return str(found)


def _file(name: str) -> str:
    path = Path(name).expanduser()
    if not path.is_file():
        raise UserError(f"data.template is {name}: neither student, teacher or none, nor a file; set it to one of them")
    try:
        return bounded.text(path, bounded.TOML)
    except (OSError, ValueError) as error:
        told = getattr(error, "strerror", None) or error
        raise UserError(f"cannot read the chat template {name} ({told}): set data.template to another") from None


def _unicode(text: str) -> None:
    """Raise LeftOutError for half a character, which JSON can write and no tokenizer reads."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise LeftOutError("that hold half a character (a lone surrogate)") from None
