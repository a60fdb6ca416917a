"""What each term takes from a batch: only real places, however the batch is cut and padded."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from sad import tiny
from sad.align.layers import layer_pairs
from sad.align.reader import Reader
from sad.align.vocab import VocabMap
from sad.batch import ALM, ATTENTION, CONTRASTIVE, KD, LAYERWISE, LM, Batch, Sum, Tokens
from sad.data import Example, Readers, blank, collate, examples
from sad.distiller import Distiller
from sad.head.target import Live
from sad.models.forward import run
from sad.pair import Pair
from sad.recipe.terms import Terms
from sad.terms import TERMS, View

EVERY = Terms.model_validate(
    {
        "kd": {"temperature": 2.0},
        "alm": {"weight": 1.0},
        "layerwise": {"layers": 2},
        "attention": {"weight": 1.0, "layers": 2},
        "contrastive": {"weight": 1.0},
    }
)
TEXTS = tiny.TEXT.split("\n\n")[:-1]


@pytest.fixture(params=["one tokenizer", "two", "begin marks"])
def pair(request: pytest.FixtureRequest, sentencepiece: Reader) -> Pair:
    if request.param != "begin marks":
        return tiny.pair(400, 400 if request.param == "one tokenizer" else 320)
    teacher = tiny.model(sentencepiece.size, layers=3, width=32, seed=1, sharpness=8.0).eval().requires_grad_(False)
    student = tiny.model(320, layers=2, width=16, seed=2)
    readers = Readers(tiny.reader(320), sentencepiece)
    return Pair(student, teacher, readers, VocabMap(readers.student, readers.teacher))


def distiller(pair: Pair, terms: Terms = EVERY) -> Distiller:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return Distiller(pair.student, pair.teacher, pair.vocab, terms).eval()


def some(pair: Pair) -> list[Example]:
    return examples(TEXTS, pair.readers, 24)


def sums(of: Distiller, batch: Batch) -> dict[str, Sum]:
    return of(batch, of.ask_teacher(batch))


def view(pair: Pair, batch: Batch, terms: Terms = EVERY) -> View:
    made = distiller(pair, terms)
    return made.view(batch, made.ask_teacher(batch))


def wider(tokens: Tokens, pad: int, columns: int) -> Tokens:
    return Tokens(F.pad(tokens.input_ids, (0, columns), value=pad), F.pad(tokens.attention_mask, (0, columns)))


def assert_same(left: dict[str, Sum], right: dict[str, Sum]) -> None:
    for name in left:
        assert left[name].units == right[name].units
        torch.testing.assert_close(left[name].total, right[name].total, rtol=2e-5, atol=1e-4)


def test_every_term_counts_the_units_that_were_announced(pair: Pair) -> None:
    batch = collate(some(pair), pair.readers)
    found = sums(distiller(pair), batch)
    assert {name: s.units for name, s in found.items()} == batch.counts()
    assert all(s.total.dtype == torch.float32 and s.total.shape == () for s in found.values())


def test_more_padding_changes_nothing(pair: Pair) -> None:
    batch = collate(some(pair)[:3], pair.readers)
    padded = replace(batch, student=wider(batch.student, 3, 11), teacher=wider(batch.teacher, 5, 4))
    made = distiller(pair)
    assert_same(sums(made, batch), sums(made, padded))


def test_what_stands_on_padding_changes_nothing(pair: Pair) -> None:
    batch = collate(some(pair)[:3], pair.readers)
    noise = torch.randint(0, 300, batch.student.input_ids.shape, generator=torch.Generator().manual_seed(0))
    ids = torch.where(batch.student.attention_mask.bool(), batch.student.input_ids, noise)
    made = distiller(pair)
    assert_same(sums(made, batch), sums(made, replace(batch, student=replace(batch.student, input_ids=ids))))


def test_sums_of_the_parts_are_the_sum_of_the_whole(pair: Pair) -> None:
    chosen, made = some(pair), distiller(pair)
    together = sums(made, collate(chosen, pair.readers))
    parts = [sums(made, collate([one], pair.readers)) for one in chosen]
    # negatives come from the micro-batch: this term alone depends on the split
    for name in (KD, LM, LAYERWISE):
        assert together[name].units == sum(p[name].units for p in parts)
        torch.testing.assert_close(together[name].total, sum(p[name].total for p in parts), rtol=2e-5, atol=1e-4)


def test_the_order_of_texts_changes_nothing(pair: Pair) -> None:
    chosen, made = some(pair)[:5], distiller(pair)
    assert_same(sums(made, collate(chosen, pair.readers)), sums(made, collate(chosen[::-1], pair.readers)))


def test_a_blank_batch_adds_nothing_and_no_gradient(pair: Pair) -> None:
    made = distiller(pair)
    found = sums(made, blank(some(pair)[0], pair.readers))
    assert {name: (float(s.total.detach()), s.units) for name, s in found.items()} == dict.fromkeys(TERMS, (0.0, 0))
    torch.stack([s.total for s in found.values()]).sum().backward()
    grads = [p.grad for p in made.parameters()]
    assert all(g is not None and not bool(g.any()) for g in grads)


def test_with_one_tokenizer_kd_is_the_textbook_term() -> None:
    pair = tiny.pair(400, 400)
    batch = collate(some(pair), pair.readers)
    at = batch.targets
    found = view(pair, batch)
    student = found.head.logits(found.target_states())
    teacher: Any = pair.teacher
    whole = teacher(input_ids=batch.teacher.input_ids, attention_mask=batch.teacher.attention_mask).logits.float()
    for temperature in (1.0, 2.0):
        log_p = torch.log_softmax(whole[at.row, at.position] / temperature, -1)
        log_q = torch.log_softmax(student / temperature, -1)
        textbook = (log_p.exp() * (log_p - log_q)).sum()
        found.terms = Terms.model_validate({"kd": {"temperature": temperature}})
        found._passed = None
        assert isinstance(found.teacher.target, Live)
        theirs = found.teacher.target.head.logits(found.teacher.target.hidden)
        assert torch.equal(pair.vocab.project(theirs, temperature), log_p)
        torch.testing.assert_close(TERMS[KD](found).total, textbook, rtol=1e-6, atol=0.0)
        assert len(batch.boundaries) == len(at)


def test_lm_is_the_models_own_loss() -> None:
    pair = tiny.pair(400, 320)
    batch = collate(some(pair), pair.readers)
    found = sums(distiller(pair), batch)[LM]
    labels = torch.full_like(batch.student.input_ids, -100)
    labels[batch.targets.row, batch.targets.position + 1] = batch.targets.token
    student: Any = pair.student
    own = student(input_ids=batch.student.input_ids, attention_mask=batch.student.attention_mask, labels=labels).loss
    torch.testing.assert_close(found.total / found.units, own)


def test_kd_is_zero_where_student_and_teacher_are_one() -> None:
    pair = tiny.pair(400, 400)
    same = Pair(copy.deepcopy(pair.teacher), pair.teacher, pair.readers, pair.vocab)
    batch = collate(some(same), same.readers)
    made = distiller(same, Terms.model_validate({"layerwise": {"weight": 0}}))
    assert float(sums(made, batch)[KD].total) == pytest.approx(0.0, abs=1e-5)


def test_states_are_those_of_the_boundaries(pair: Pair) -> None:
    batch = collate(some(pair), pair.readers)
    found = view(pair, batch)
    at = batch.boundaries
    assert found.pairs == layer_pairs(2, 3, 2)
    for k, (mine, theirs) in enumerate(found.pairs):
        student, teacher = found.states(k)
        blocks = run(pair.teacher, batch.teacher, [theirs]).blocks
        assert torch.equal(teacher, blocks[theirs][at.row, at.teacher])
        assert torch.equal(student, found.projectors[k](found.student.blocks[mine][at.row, at.student]))


def test_layerwise_is_the_mean_over_pairs(pair: Pair) -> None:
    from sad.losses.layerwise import layer_distance

    found = view(pair, collate(some(pair), pair.readers))
    each = [layer_distance(*found.states(k)).total for k in range(2)]
    torch.testing.assert_close(TERMS[LAYERWISE](found).total, (each[0] + each[1]) / 2)


def test_the_vocabulary_is_passed_once(pair: Pair) -> None:
    found = view(pair, collate(some(pair), pair.readers))
    assert found.vocabulary() is found.vocabulary()


@pytest.mark.parametrize("factor", [1.0, 3.0])
def test_announced_scales_give_the_gradient_of_the_terms_apart(pair: Pair, factor: float) -> None:
    made, batch = distiller(pair), collate(some(pair)[:3], pair.readers)
    scales = {KD: 0.7, LM: 0.2, ALM: 0.4, LAYERWISE: 0.1, ATTENTION: 0.5, CONTRASTIVE: 0.3}
    found = []
    for announced in (None, scales):
        made.zero_grad()
        each = made(batch, made.ask_teacher(batch), announced)
        (factor * sum(scales[name] * one.total for name, one in each.items())).backward()
        found.append(torch.cat([p.grad.flatten() for p in made.parameters()]))
    torch.testing.assert_close(found[1], found[0], rtol=1e-4, atol=1e-6)


def test_nothing_of_the_teacher_is_kept_but_its_boundaries(pair: Pair) -> None:
    batch = collate(some(pair), pair.readers)
    asked = distiller(pair).ask_teacher(batch)
    assert len(asked.target) == len(batch.boundaries)
    assert all(len(states) == len(batch.boundaries) for states in asked.blocks.values())


@pytest.mark.parametrize("name", [KD, LAYERWISE, CONTRASTIVE])
def test_padding_rows_of_either_head_change_no_comparison(name: str) -> None:
    def grown(model: Any) -> Any:
        model.resize_token_embeddings(500, mean_resizing=False)
        # rows beyond the tokenizer, as loud as can be
        with torch.no_grad():
            model.get_input_embeddings().weight[model.config.vocab_size :].fill_(3.0)
            model.get_output_embeddings().weight[400:].fill_(3.0)
        return model

    plain, pair = tiny.pair(400, 320), tiny.pair(400, 320)
    padded = Pair(grown(pair.student), grown(pair.teacher), pair.readers, pair.vocab)
    batch = collate(some(plain), plain.readers)
    left, right = sums(distiller(plain), batch)[name], sums(distiller(padded), batch)[name]
    torch.testing.assert_close(left.total, right.total)


def gradient(of: Distiller, batch: Batch, name: str) -> Tensor:
    of.zero_grad()
    sums(of, batch)[name].total.backward()
    return torch.cat([p.grad.flatten() for p in of.student.parameters() if p.grad is not None])


@pytest.mark.parametrize("name", TERMS)
def test_every_term_moves_the_student_and_never_the_teacher(pair: Pair, name: str) -> None:
    made = distiller(pair)
    pair.teacher.requires_grad_(True)
    assert float(gradient(made, collate(some(pair)[:2], pair.readers), name).norm()) > 0
    assert all(p.grad is None for p in pair.teacher.parameters())


OPTIONS: list[dict[str, Any]] = [
    {"layerwise": {"normalisation": "relative", "layers": [[1, 0], [0, 2]]}},
    {"layerwise": {"normalisation": "cosine"}, "alm": {"weight": 1.0, "temperature": 1.0}},
    {"attention": {"weight": 1.0, "compare": "maps", "layers": 2}},
    {"attention": {"weight": 1.0, "heads": 1, "layers": [[0, 2]]}},
]


@pytest.mark.parametrize("options", OPTIONS)
def test_options_depend_neither_on_padding_nor_on_the_split(pair: Pair, options: dict[str, Any]) -> None:
    models: tuple[Any, Any] = (pair.student, pair.teacher)
    for model in models if "compare" in options.get("attention", {}) else ():
        model.set_attn_implementation("eager")
    made, chosen = distiller(pair, Terms.model_validate(options)), some(pair)[:4]
    batch = collate(chosen, pair.readers)
    whole = sums(made, batch)
    padded = replace(batch, student=wider(batch.student, 3, 11), teacher=wider(batch.teacher, 5, 4))
    assert_same(whole, sums(made, padded))
    parts = [sums(made, collate(chosen[i : i + 1], pair.readers)) for i in range(4)]
    for name in whole:
        assert whole[name].units == sum(p[name].units for p in parts)
        torch.testing.assert_close(whole[name].total, sum(p[name].total for p in parts), rtol=2e-5, atol=1e-4)


def test_negatives_of_the_batch_depend_on_the_split_as_their_page_says(pair: Pair) -> None:
    made = distiller(pair, Terms.model_validate({"contrastive": {"weight": 1.0, "negatives": "batch"}}))
    chosen = some(pair)[:4]
    whole = sums(made, collate(chosen, pair.readers))[CONTRASTIVE].total
    parts = [sums(made, collate(chosen[i : i + 1], pair.readers))[CONTRASTIVE].total for i in range(4)]
    assert float(whole.detach()) > float(torch.stack(parts).sum().detach()) + 1.0


def test_with_one_tokenizer_alm_is_zero_for_equal_models_and_its_chunks_are_tokens() -> None:
    pair = tiny.pair(400, 400)
    same = Pair(copy.deepcopy(pair.teacher), pair.teacher, pair.readers, pair.vocab)
    found = sums(distiller(same), collate(some(same), same.readers))
    assert float(found[ALM].total.detach()) == pytest.approx(0.0, abs=1e-3)
    assert float(found[ATTENTION].total.detach()) == pytest.approx(0.0, abs=1e-3)
    assert found[ALM].units == found[LM].units
