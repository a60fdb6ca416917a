from __future__ import annotations

from dataclasses import fields, replace

import torch

from sad.batch import Boundaries
from sad.distiller import Distiller
from sad.preflight.cutting import with_padding


def counted(monkeypatch) -> list[None]:
    """Count what the teacher is really asked."""
    asked: list[None] = []
    kept = Distiller.ask_teacher

    def ask(self, batch):
        asked.append(None)
        return kept(self, batch)

    monkeypatch.setattr(Distiller, "ask_teacher", ask)
    return asked


def test_the_same_tokens_are_asked_once_and_others_again(bench, monkeypatch) -> None:
    asked, made = counted(monkeypatch), bench()
    with made.kit(exact=True) as kit:
        batch = kit.collated(made.few)
        first = kit.distiller.ask_teacher(batch)
        assert kit.distiller.ask_teacher(kit.collated(made.few)) is first
        assert len(asked) == 1
        kit.distiller.ask_teacher(with_padding(batch))
        kit.distiller.ask_teacher(kit.collated(made.few[:2]))
        assert len(asked) == 3
    with made.kit(exact=True) as kit:
        assert kit.distiller.ask_teacher(kit.collated(made.few)) is first
    with made.kit(remember=False) as kit:
        kit.distiller.ask_teacher(kit.collated(made.few))
        kit.distiller.ask_teacher(kit.collated(made.few))
    assert len(asked) == 5


def test_another_precision_or_other_blocks_are_another_question(bench, monkeypatch) -> None:
    asked, made = counted(monkeypatch), bench()
    with made.kit() as kit:
        kit.distiller.ask_teacher(kit.collated(made.few))
        with torch.autocast("cpu", dtype=torch.bfloat16):
            kit.distiller.ask_teacher(kit.collated(made.few))
    made.plan.pair.teacher.to(torch.bfloat16)
    with made.kit() as kit:
        kit.distiller.ask_teacher(kit.collated(made.few))
    terms = made.plan.recipe.terms
    more = terms.model_copy(update={"layerwise": terms.layerwise.model_copy(update={"layers": 2})})
    with made.kit(terms=more) as kit:
        kit.distiller.ask_teacher(kit.collated(made.few))
    assert len(asked) == 4


def test_other_places_of_the_same_tokens_are_another_question(bench, monkeypatch) -> None:
    asked, made = counted(monkeypatch), bench()
    with made.kit() as kit:
        batch = kit.collated(made.few)
        whole = kit.distiller.ask_teacher(batch)
        at = Boundaries(*(values[:-1] for values in vars_of(batch.boundaries)))
        fewer = kit.distiller.ask_teacher(replace(batch, boundaries=at))
    assert len(asked) == 2
    assert len(fewer.target) == len(whole.target) - 1


def vars_of(boundaries):
    return [getattr(boundaries, field.name) for field in fields(boundaries)]
