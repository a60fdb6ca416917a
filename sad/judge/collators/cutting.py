"""A collator that cuts what is too long, under the property of texts that are cut alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import count

from torch import Tensor

from sad.invariants.truncated_alike import ROOM, TEXTS, Prepare, Prompted, Read, truncated_alike
from sad.judge.collators.call import Call
from sad.judge.collators.features import MESSAGES
from sad.judge.collators.marker import INNER, MARKER
from sad.judge.collators.parameters import LENGTHS, TEMPLATES
from sad.judge.stand_in import NeedsAdapterError
from sad.judge.target import said
from sad.subjects.text_loss import IGNORED, Collated, Marks, Text
from sad.verdict import Standing, Verdict

EOS, PAD = 0, 1
PIECE = 4
"""Bytes of a token here."""
PROMPTS, ITS_MASK = ("prompts", "prompt_input_ids", "prompt_ids"), ("prompt_attention_mask", "prompt_mask")


def cut_alike(call: Call) -> Verdict:
    """Judge it with room for few tokens; not applicable where it does not cut, or takes no length."""
    name = call.takes(LENGTHS)
    if not name:
        return Verdict(True, "it takes no length to cut at", standing=Standing.NOT_APPLICABLE)
    pieces = _pieces()
    # a template before a completion is a token of its own, and takes room
    free = (token for token in count(2) if token not in (MARKER, INNER))
    table = dict(zip(free, pieces, strict=False))
    size = max(*table, MARKER) + 1
    room = ROOM + (bool(call.takes(TEMPLATES)) or call.form is MESSAGES)
    short, marks = call.other(longest=room, size=size), Marks(EOS, PAD)

    def prepare(texts: Sequence[Prompted], _: int) -> Sequence[Mapping[str, Read]]:
        ids = [_ids(text, table) for text in texts]
        try:
            found = short(ids, marks)
        except NeedsAdapterError:
            if len(texts) < 2:
                raise
            # in some of them the marker was cut off
            return [one for text in texts for one in prepare([text], ROOM)]
        every = range(len(found.batch.input_ids))
        rows = [_row(found.batch, found.whole, row, table, ends_pad=call.one_mark) for row in every]
        # what is not a text's may take its room: the marker, and the last token where labels are shifted already
        more = room - ROOM + found.batch.shifted
        return [{name: replace(one, tokens=max(0, one.tokens - more)) for name, one in row.items()} for row in rows]

    refused = {text: why for text in TEXTS if (why := _refuses(prepare, text))}
    if TEXTS[0] in refused:
        return truncated_alike(prepare)
    longest = max((_ids(text, table) for text in TEXTS if text not in refused), key=lambda text: len(text.ids))
    if short([longest], marks).batch.input_ids.shape[1] >= len(longest.ids) > ROOM and "input_ids" in call.form.says:
        says = f"{name} cuts nothing: its texts come in ids, and are cut before"
        return Verdict(True, says, standing=Standing.NOT_APPLICABLE)
    # a text that it will not cut is its own affair, if it says so; another one stands there, whose end is not judged
    verdict = truncated_alike(lambda texts, _: _instead(prepare, texts, refused))
    if not verdict.holds:
        return verdict
    if refused:
        return _allowed(
            f"it refuses {len(refused)} of {len(TEXTS)} texts that are too long: {next(iter(refused.values()))}"
        )
    if any(_has_a_hole(prepare, text) for text in TEXTS):
        return _allowed("the end of a prompt is cut and its completion follows: cut a prompt's beginning")
    return verdict


def _instead(
    prepare: Prepare, texts: Sequence[Prompted], refused: Mapping[Prompted, str]
) -> Sequence[Mapping[str, Read]]:
    found = prepare([TEXTS[0] if text in refused else text for text in texts], ROOM)
    if not refused.keys() & set(texts):
        return found
    return [{name: replace(read, ended=None) for name, read in readers.items()} for readers in found]


def _refuses(prepare: Prepare, text: Prompted) -> str:
    try:
        prepare([text], ROOM)
    except NeedsAdapterError:
        raise
    except Exception as error:
        return said(error)
    return ""


def _has_a_hole(prepare: Prepare, text: Prompted) -> bool:
    return any(read.text not in text.spelled for readers in prepare([text], ROOM) for read in readers.values())


def _allowed(says: str) -> Verdict:
    return Verdict(True, says, standing=Standing.ALLOWED)


def _pieces() -> list[bytes]:
    """What the tokens spell: the texts, in pieces of few bytes."""
    return sorted({piece for text in TEXTS for part in (text.prompt, text.completion) for piece in _cut(part)})


def _cut(text: str) -> list[bytes]:
    whole = text.encode()
    return [whole[at : at + PIECE] for at in range(0, len(whole), PIECE)]


def _ids(text: Prompted, table: Mapping[int, bytes]) -> Text:
    by_piece = {piece: token for token, piece in table.items()}
    first, rest = ([by_piece[piece] for piece in _cut(part)] for part in (text.prompt, text.completion))
    return Text(tuple(first), (*rest, EOS))


def _row(
    batch: Collated, whole: Mapping[str, object], row: int, table: Mapping[int, bytes], *, ends_pad: bool
) -> dict[str, Read]:
    """What is read of a row: by the model, by whoever looks at its labels, by whoever writes from its prompt."""
    mask = batch.attention_mask
    if mask is None or mask.ndim != 2:
        mask = batch.input_ids != PAD
    labels = batch.labels[row]
    if batch.shifted:
        labels = labels.roll(1)
        labels[0] = IGNORED
    # padding that the mask does not hide is read by nobody, behind a text
    ids, seen = batch.input_ids[row], mask[row].bool() & (batch.input_ids[row] != PAD)
    if ends_pad:
        seen = seen & ((ids != EOS) | (labels != IGNORED))
    told = ids.where(labels == IGNORED, labels)
    # a label where there is padding is no text, and is judged elsewhere
    found = {"the model": _read(ids[seen], table), "its labels": _read(told[seen], table)}
    prompts, of = (next((whole[n] for n in names if n in whole), None) for names in (PROMPTS, ITS_MASK))
    if isinstance(prompts, Tensor) and prompts.ndim == 2:
        own = prompts[row][of[row].bool()] if isinstance(of, Tensor) else prompts[row][prompts[row] != PAD]
        learned = labels[seen & (labels != IGNORED)]
        found["its prompt and labels"] = _read([*own.tolist(), *learned.tolist()], table)
    return found


def _read(ids: Tensor | Sequence[int], table: Mapping[int, bytes]) -> Read:
    every = [int(token) for token in ids]
    text = b"".join(table.get(token, b"") for token in every)
    # where something is missing in the middle, it is no piece that ends
    ended = bool(every) and every[-1] == EOS if any(text in one.spelled for one in TEXTS) else None
    return Read(text, sum(token in table for token in every), ended)
