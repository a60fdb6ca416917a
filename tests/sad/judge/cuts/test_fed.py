"""Batches that a loop makes by functions of its program are made here."""

from __future__ import annotations

import ast
import textwrap

import pytest

from sad.judge.cuts.fed import fed


def after(text):
    kept = ast.parse(textwrap.dedent(text)).body
    return fed(kept), "\n".join(map(ast.unparse, kept))


def test_ids_labels_and_masks_are_taken_from_the_batch_by_what_they_are_called():
    left_out, text = after("""
        for step, row in enumerate(loader):
            x, y, pad_mask = prepare(row, tokenizer)
            loss = model(x, attention_mask=pad_mask, labels=y).loss
            loss.backward()
    """)
    assert left_out
    assert "x = row['input_ids']" in text
    assert "y = row['labels']" in text
    assert "pad_mask = row['attention_mask']" in text
    assert "prepare" not in text


@pytest.mark.parametrize(
    "before",
    [
        "ids, labels = batch['input_ids'].to(device), batch['labels'].to(device)",
        "ids, labels = (one.cuda() for one in batch)",
        "batch = {name: one.to(device) for name, one in batch.items()}",
    ],
)
def test_what_only_moves_a_batch_is_kept(before):
    left_out, text = after(f"""
        for batch in loader:
            {before}
            loss = model(ids, labels=labels).loss
            loss.backward()
    """)
    assert not left_out
    assert ast.unparse(ast.parse(before)) in text


@pytest.mark.parametrize("made", ["one, two = prepare(batch)", "labels = prepare(batch)"])
def test_what_cannot_be_told_apart_is_kept(made):
    names = "one, two" if "one" in made else "labels"
    assert not after(f"""
        for batch in loader:
            {made}
            loss = model({names}).loss
            loss.backward()
    """)[0]


def test_the_innermost_loop_is_fed():
    _, text = after("""
        for epoch in range(3):
            for batch in loader:
                ids = prepare(batch)
                net(ids).loss.backward()
    """)
    assert "ids = batch['input_ids']" in text
