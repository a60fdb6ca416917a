"""Prompts and answers of chats, told from the rows, against the labels of the windows."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from sad import tiny
from sad.align.example import cut
from sad.document import Document
from sad.errors import UserError
from sad.preflight.finding import Level
from sad.preflight.labels import labels
from sad.preflight.prompts import mask_prompts, messages, spelled
from sad.recipe.inputs import Data

ASKED, SAID = "Where does the river meet the sea?", "At the old harbour, behind the lighthouse."
AGAIN, THEN = "And how far is it from the mill?", "A morning's walk along the bank, no more."


@pytest.fixture
def chats(bench, tmp_path):
    """A bench over a chat of two turns, of which the answers are learned; ``wide`` bytes more on each side."""

    def make(wide: int = 0, *, learn: str | None = None, length: int = 128):
        file = tmp_path / "chats.jsonl"
        rows = [("user", ASKED), ("assistant", SAID), ("user", AGAIN), ("assistant", THEN)]
        file.write_text(json.dumps({"messages": [{"role": role, "content": text} for role, text in rows]}) + "\n")
        made = bench()
        text = f"Q: {ASKED}\nA: {SAID}\nQ: {AGAIN}\nA: {THEN}\n"
        ranges = [(text.index(one) - wide, text.index(one) + len(one) + wide) for one in (SAID, THEN)]
        learned = None if learn == "all" else tuple((a, min(b, len(text))) for a, b in ranges)
        some, _ = cut([Document(text, learned)], made.plan.pair.readers, length)
        made.plan.train[:] = some
        data = made.plan.recipe.data.model_copy(update={"text": str(file), "learn": learn, "max_length": length})
        made.plan = replace(made.plan, recipe=made.plan.recipe.model_copy(update={"data": data}))
        return made

    return make


def test_answers_are_labels_and_prompts_are_not(chats) -> None:
    found = mask_prompts(chats())
    assert found.level is Level.FINE
    assert found.numbers == {"prompts": 2, "answers": 2, "leaked": 0, "lost": 0}


def test_a_mask_that_reaches_into_the_prompt_is_wrong(chats) -> None:
    found = mask_prompts(chats(wide=8))
    assert found.level is Level.WRONG
    assert found.numbers["leaked"] == 2
    assert found.numbers["lost"] == 0


def test_labels_on_the_prompts_in_place_of_the_answers_are_wrong(chats) -> None:
    made = chats()
    one = made.plan.train[0]
    inside = np.concatenate([np.arange(a, b) for a, b in one.runs[:, :2].tolist()])
    outside = np.setdiff1d(np.arange(len(one.student) - 1), inside)
    edges = np.flatnonzero(np.diff(outside) > 1)
    starts, stops = outside[[0, *(edges + 1)]], outside[[*edges, len(outside) - 1]] + 1
    runs = np.stack([starts, stops, starts, stops], axis=1)
    made.plan.train[:] = [replace(one, runs=np.minimum(runs, len(one.teacher) - 1))]
    found = mask_prompts(made)
    assert found.level is Level.WRONG
    assert found.numbers["leaked"] == 2
    assert found.numbers["lost"] == 2


def test_a_chat_that_is_learned_whole_on_purpose_is_fine(chats) -> None:
    found = mask_prompts(chats(learn="all"))
    assert found.level is Level.FINE
    assert "as the recipe asks" in found.says


def test_a_mask_that_was_dropped_is_wrong(chats) -> None:
    made = chats()
    made.plan.train[:] = [replace(one, runs=None) for one in made.plan.train]
    assert mask_prompts(made).level is Level.WRONG


def test_running_text_has_no_prompts(bench) -> None:
    found = mask_prompts(bench())
    assert found.level is Level.SKIPPED
    assert "running text" in found.says


def test_answers_that_never_stand_whole_in_a_window_are_not_judged(chats) -> None:
    found = mask_prompts(chats(length=12))
    assert found.level is Level.SKIPPED
    assert "stands whole" in found.says


def test_what_is_said_on_both_sides_is_neither(tmp_path) -> None:
    file = tmp_path / "echo.jsonl"
    both = [{"role": role, "content": text} for role, text in (("user", ASKED), ("assistant", ASKED), ("user", SAID))]
    file.write_text(json.dumps({"messages": both}) + "\n")
    assert messages(Data(text=str(file))) == ({SAID.encode()}, set())


def test_rows_without_a_known_column_are_the_users_error(tmp_path) -> None:
    file = tmp_path / "other.jsonl"
    file.write_text('{"body": "a text of some length"}\n')
    with pytest.raises(UserError, match="no column"):
        messages(Data(text=str(file)))


def test_bytes_and_labels_of_a_window(bench) -> None:
    made = bench()
    readers = made.plan.pair.readers
    some, _ = cut([Document(tiny.TEXT[:200], ((10, 60),))], readers, 128)
    text, covered = spelled(some[0], some[0].labels()[0], readers.student)
    assert text.startswith(tiny.TEXT[:20].encode())
    assert covered.any()
    assert not covered[:10].any()
    assert not covered[60:].any()


def test_the_small_cut_of_a_chat_keeps_its_masks(chats, wrong) -> None:
    """Two answers in one short window: the labels of the exact checks are those two, not all between them."""
    made = chats()
    few = made.few
    assert all(one.runs is not None for one in few)
    assert sum(len(one.labels()[0]) for one in few) < sum(len(one.student) - 1 for one in few) / 1.5
    assert not wrong(labels(made))
