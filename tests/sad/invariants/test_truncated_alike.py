from dataclasses import replace

import pytest

from sad import tiny
from sad.invariants.truncated_alike import ROOM, Read, truncated_alike
from sad.shipped.preparation import preparation

READER = tiny.reader(320)


def ids(text):
    return list(READER.read([text])[0].ids)


def read(of):
    return Read(b"".join(READER.bytes[i] or b"" for i in of), len(of))


def prepared(cut, teacher=None):
    """Both models read what ``cut`` leaves of a prompt and a completion."""

    def prepare(texts, room):
        return [
            {
                name: read(how(ids(text.prompt), ids(text.completion), room))
                for name, how in (("the student", cut), ("the teacher", teacher or cut))
            }
            for text in texts
        ]

    return prepare


def keep_end(prompt, completion, room):
    return (prompt + completion)[-room:]


def keep_start(prompt, completion, room):
    return (prompt + completion)[:room]


def room_for_the_completion(prompt, completion, room):
    completion = completion[: room // 2]
    return prompt[-(room - len(completion)) :] + completion


def leave_out(texts, room):
    fitting = [text for text in texts if len(ids(text.prompt + text.completion)) <= room]
    return prepared(keep_start)(fitting or texts, room)


def pieces(texts, room):
    whole = [ids(text.prompt + text.completion) for text in texts]
    cut = [one[i : i + room] for one in whole for i in range(0, len(one), room)]
    return [{"the student": read(one), "the teacher": read(one)} for one in cut]


def marked(ended, cut=keep_end):
    """What ``cut`` leaves, with what is said of end marks for student and teacher."""

    def prepare(texts, room):
        told = prepared(cut)(texts, room)
        return [
            {name: replace(one, ended=says(one)) for (name, one), says in zip(piece.items(), ended, strict=True)}
            for piece in told
        ]

    return prepare


def never(_):
    return False


def always(_):
    return True


@pytest.mark.parametrize(
    "right",
    [
        prepared(keep_end),
        prepared(keep_start),
        prepared(room_for_the_completion),
        leave_out,
        pieces,
        marked([always, always]),
        preparation(),
    ],
)
def test_right_implementations_hold(right):
    verdict = truncated_alike(right)
    assert verdict.holds, verdict.says


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (prepared(keep_end, keep_start), "the student reads"),
        (prepared(keep_end, lambda prompt, completion, _: prompt + completion), "the teacher reads"),
        (prepared(lambda prompt, completion, _: prompt + completion), f"tokens where a model takes {ROOM}"),
        (prepared(lambda prompt, completion, room: keep_end(prompt, completion, room + 1)), "49 tokens where a model"),
        (prepared(keep_end, lambda p, c, room: keep_end(p, c, room)[1:]), "the teacher reads"),
        (prepared(lambda *_: []), "nothing is read"),
        (lambda *_: [], "nothing is read"),
        (prepared(lambda prompt, *_: prompt[:10]), "a text that fits is not read whole"),
        (marked([always, never]), "an end mark is read by one and not by the other"),
        (marked([never, never]), "no end mark stands behind the end of a text"),
        (marked([always, always], keep_start), "an end mark stands behind a cut"),
        (lambda *_: 1 / 0, "division by zero"),
    ],
)
def test_wrong_ones_break_it(wrong, says):
    verdict = truncated_alike(wrong)
    assert not verdict.holds
    assert says in verdict.says
