from __future__ import annotations

from dataclasses import replace

import torch

from sad import tiny
from sad.data import batches
from sad.preflight.finding import Level
from sad.preflight.labels import labels


def test_the_labels_that_train_are_the_tokens_after_their_states(bench) -> None:
    found = list(labels(bench()))
    assert [f.level for f in found if f.topic != "prompt masking"] == [Level.FINE] * 6
    assert [f.level for f in found if f.topic == "prompt masking"] == [Level.SKIPPED]


def test_labels_that_are_not_shifted_are_wrong(bench, wrong, monkeypatch) -> None:
    """Each state is asked for the token that it has just read."""
    kept = batches._targets

    def unshifted(some, positions, row, start):
        targets = kept(some, positions, row, start)
        return replace(
            targets, token=torch.tensor([int(some[r][p]) for r, p in zip(targets.row, targets.position, strict=True)])
        )

    monkeypatch.setattr(batches, "_targets", unshifted)
    found = wrong(labels(bench()))
    assert {f.topic for f in found} == {"label shift"}
    assert found[0].numbers["off"] > 50


def test_labels_that_are_shifted_twice_are_wrong(bench, wrong, monkeypatch) -> None:
    kept = batches._targets

    def twice(*given):
        targets = kept(*given)
        return replace(targets, token=targets.token.roll(-1))

    monkeypatch.setattr(batches, "_targets", twice)
    assert wrong(labels(bench()))


def test_a_dropped_label_is_missed(bench, wrong, monkeypatch) -> None:
    """EOS masked away because it is the padding token."""
    kept = batches._targets

    def masked(*given):
        targets = kept(*given)
        keep = targets.token != 0
        return replace(targets, row=targets.row[keep], position=targets.position[keep], token=targets.token[keep])

    made = bench()
    # every window of the cut ends its text, as short documents do
    monkeypatch.setattr(batches, "_targets", masked)
    ends = [e for e in made.plan.train if e.student[-1] == 0]
    assert ends
    made.plan.train[:] = ends
    assert any(f.topic == "label shift" for f in wrong(labels(made)))


def test_a_model_that_sees_later_tokens_is_wrong(bench, wrong) -> None:
    """No causal mask: each block adds the mean over all positions."""
    pair = tiny.pair()

    def leak(_module, _inputs, output):
        state = output[0] if isinstance(output, tuple) else output
        state = state + state.mean(dim=1, keepdim=True)
        return (state, *output[1:]) if isinstance(output, tuple) else state

    pair.student.model.layers[0].register_forward_hook(leak)
    found = [f for f in wrong(labels(bench(of=pair))) if f.topic == "causality"]
    assert len(found) == 1
    assert "student" in found[0].says
