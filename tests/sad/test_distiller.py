"""What trains: the student and its projectors, and nothing of the teacher."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from sad import tiny
from sad.data import collate
from sad.distiller import Distiller, Projector
from sad.errors import UserError
from sad.recipe.terms import Terms


def made(**terms: Any) -> Distiller:
    pair = tiny.pair()
    return Distiller(pair.student, pair.teacher, pair.vocab, Terms.model_validate(terms))


def test_the_teacher_is_read_and_not_owned() -> None:
    of = made()
    teachers = {id(p) for p in of.teacher.parameters()}
    assert not teachers & {id(p) for p in of.parameters()}
    assert not any("teacher" in name for name in of.state_dict())
    of.train()
    assert of.student.training
    assert not any(module.training for module in of.teacher.modules())


def test_the_teacher_does_not_follow_to_another_type() -> None:
    of = made()
    of.double()
    assert {p.dtype for p in of.student.parameters()} == {torch.float64}
    assert {p.dtype for p in of.teacher.parameters()} == {torch.float32}


def test_projectors_stay_outside_the_student() -> None:
    of = made(layerwise={"layers": 2})
    assert len(of.projectors) == len(of.pairs) == 2
    inside = {id(p) for p in of.student.parameters()}
    assert not inside & {id(p) for p in of.projectors.parameters()}
    assert [p.map.weight.shape for p in of.projectors] == [(32, 16), (32, 16)]


@pytest.mark.parametrize(
    ("terms", "names", "pairs"),
    [
        ({}, ("kd", "lm", "layerwise"), 1),
        ({"layerwise": {"weight": 0}}, ("kd", "lm"), 0),
        ({"layerwise": {"weight": 0}, "contrastive": {"weight": 1}}, ("kd", "lm", "contrastive"), 1),
        ({"kd": {"weight": 0}, "layerwise": {"layers": 9}}, ("lm", "layerwise"), 2),
    ],
)
def test_only_what_has_a_weight_takes_part(terms: dict[str, Any], names: tuple[str, ...], pairs: int) -> None:
    of = made(**terms)
    assert of.names == names
    assert len(of.pairs) == pairs
    plan = tiny.plan()
    batch = collate(plan.train[:2], plan.pair.readers)
    asked = of.ask_teacher(batch)
    assert len(asked.blocks) == pairs
    assert not asked.target.hidden.requires_grad
    assert tuple(of(batch, asked)) == names


def test_a_projection_does_not_depend_on_the_size_of_the_state() -> None:
    projector = Projector(16, 32)
    states = torch.randn(5, 16)
    torch.testing.assert_close(projector(states), projector(1000 * states), rtol=1e-4, atol=1e-5)


def test_a_projection_is_full_precision_under_autocast() -> None:
    projector = Projector(16, 32)
    states = torch.randn(5, 16).bfloat16()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = projector(states)
    assert found.dtype == torch.float32
    assert torch.equal(found, projector(states))


def test_one_model_cannot_be_both() -> None:
    pair = tiny.pair(320, 320)
    with pytest.raises(ValueError, match="share weights"):
        Distiller(pair.student, pair.student, pair.vocab, tiny.recipe().terms)


def test_what_was_stored_answers_in_the_teachers_place() -> None:
    pair = tiny.pair()
    pair.teacher.forward = lambda *_, **__: 1 / 0  # type: ignore[method-assign,assignment]
    batch = collate(tiny.plan(of=pair).train[:1], pair.readers)
    told: Any = object()
    of = Distiller(pair.student, pair.teacher, pair.vocab, Terms(), lambda asked: (asked, told))  # type: ignore[arg-type,return-value]
    assert of.ask_teacher(batch) == (batch, told)  # type: ignore[comparison-overlap]


def asked(of: Distiller) -> dict[str, Any]:
    plan = tiny.plan()
    batch = collate(plan.train[:2], plan.pair.readers)
    return of(batch, of.ask_teacher(batch))


def test_named_pairs_are_compared_and_one_that_is_not_there_is_refused() -> None:
    assert made(layerwise={"layers": [[1, 0], [0, 2]]}).pairs == ((1, 0), (0, 2))
    with pytest.raises(UserError, match=r"the pair \[0, 3\] names block 3 of the teacher, which has 3"):
        made(layerwise={"layers": [[0, 3]]})
    with pytest.raises(UserError, match="names block 2 of the student"):
        made(attention={"weight": 1.0, "layers": [[2, 0]]})


def test_attention_is_hooked_only_where_it_is_asked_for() -> None:
    of = made()
    plan = tiny.plan()
    batch = collate(plan.train[:2], plan.pair.readers)
    assert (of.attention.pairs, of.ask_teacher(batch).attended) == ((), {})
    of = made(attention={"weight": 1.0, "layers": 2})
    assert of.attention.pairs == ((0, 1), (1, 2))
    # widths of 16 and 32
    assert of.attention.heads == 2
    found = of.ask_teacher(batch).attended
    assert {block: [t.shape for t in looks] for block, looks in found.items()} == {
        block: [(len(batch.boundaries), 32)] * 3 for block in (1, 2)
    }
    assert not any(module._forward_hooks for module in (*of.teacher.modules(), *of.student.modules()))


def test_attention_trains_no_projector() -> None:
    assert list(made(layerwise={"weight": 0}, attention={"weight": 1.0}).outside()) == []


def test_maps_are_refused_without_eager_attention_and_compared_with_it() -> None:
    pair = tiny.pair()
    terms = Terms.model_validate({"attention": {"weight": 1.0, "compare": "maps"}})
    with pytest.raises(UserError, match="needs eager attention, and the student has sdpa"):
        Distiller(pair.student, pair.teacher, pair.vocab, terms)
    models: tuple[Any, Any] = (pair.student, pair.teacher)
    models[0].set_attn_implementation("eager")
    with pytest.raises(UserError, match="needs eager attention, and the teacher has sdpa"):
        Distiller(pair.student, pair.teacher, pair.vocab, terms)
    models[1].set_attn_implementation("eager")
    found = asked(Distiller(pair.student, pair.teacher, pair.vocab, terms).eval())["attention"]
    assert 0 < float(found.total.detach()) < 10


def test_relation_heads_that_do_not_divide_are_refused() -> None:
    with pytest.raises(UserError, match=r"terms\.attention\.heads is 5"):
        made(attention={"weight": 1.0, "heads": 5})


def test_the_teachers_chunks_are_asked_for_only_where_a_term_needs_them() -> None:
    plan = tiny.plan()
    batch = collate(plan.train[:2], plan.pair.readers)
    assert made().ask_teacher(batch).chunks is None
    of = made(alm={"weight": 1.0}, lm={"weight": 0}, kd={"weight": 0}, layerwise={"weight": 0})
    chunks = of.ask_teacher(batch).chunks
    assert chunks is not None
    assert chunks.shape == (len(batch.boundaries),)
    assert bool((chunks < 0).all())
    found = of(batch, of.ask_teacher(batch))
    assert tuple(found) == ("alm",)
    found["alm"].total.backward()
    assert any(p.grad is not None and bool(p.grad.any()) for p in of.student.parameters())
    with pytest.raises(ValueError, match="the chunk likelihood needs the teacher's"):
        of(batch, made().ask_teacher(batch))


@pytest.mark.parametrize("kd", [{"divergence": "reverse_kl"}, {"divergence": "jsd", "mix": 1.0}])
def test_reverse_kl_between_two_tokenizers_is_refused_in_one_line(kd: dict[str, Any]) -> None:
    with pytest.raises(UserError, match=r"^terms\.kd\.divergence: .* take forward_kl, jsd or skew_reverse_kl$"):
        made(kd=kd)
    one = tiny.pair(320, 320)
    Distiller(one.student, one.teacher, one.vocab, Terms.model_validate({"kd": kd}))


@pytest.mark.parametrize("name", ["forward_kl", "jsd", "skew_kl", "skew_reverse_kl"])
def test_the_divergence_of_the_recipe_is_the_one_that_trains(name: str) -> None:
    of, plan = made(kd={"divergence": name, "mix": 0.2, "temperature": 2.0}), tiny.plan()
    batch = collate(plan.train[:2], plan.pair.readers)
    view = of.view(batch, of.ask_teacher(batch))
    assert (view.divergence.kind, view.divergence.mix, view.divergence.temperature) == (name, 0.2, 2.0)
    forward = made(kd={"temperature": 2.0})
    same = float(of(batch, of.ask_teacher(batch))["kd"].total.detach()) == pytest.approx(
        float(forward(batch, forward.ask_teacher(batch))["kd"].total.detach())
    )
    assert same == (name == "forward_kl")
