"""V113 again: faults of chunk likelihood, attention and the options of terms, planted in the code that trains."""

import torch

from sad import distiller
from sad.align.chunks import chunk_sums
from sad.bugs.tokens_matched_by_id import BUG
from sad.head.likelihood import log_likelihood
from sad.invariants.objective_matches_the_texts import objective_matches_the_texts
from sad.losses import alm, attention, contrastive, layerwise
from sad.models import attention as hooks
from sad.terms import teacher, view


def found() -> str:
    """Judge the code that trains while it has a fault; return what is said of it."""
    verdict = objective_matches_the_texts(BUG.fixed())
    assert not verdict.holds
    return verdict.says


def test_a_chunk_temperature_that_is_forgotten_is_found(monkeypatch):
    rows = alm.rows
    monkeypatch.setattr(alm, "rows", lambda student, teacher, _: rows(student, teacher, 1.0))
    assert "two tokenizers: raw alm is" in found()


def test_chunks_of_the_teacher_cut_by_number_are_found(monkeypatch):
    def by_number(batch, teacher, head):
        labels, chunks = batch.teacher_targets, len(batch.boundaries)
        each = log_likelihood(teacher.hidden[labels.row, labels.position], head, labels.token)
        return chunk_sums(each, torch.arange(len(each)).clamp_max(chunks - 1), chunks)

    monkeypatch.setattr(distiller, "teacher_chunks", by_number)
    assert "two tokenizers: raw alm is" in found()


def test_a_slope_of_chunks_that_is_halved_is_found(monkeypatch):
    rows = alm.rows

    def halved(*given):
        values, slope = rows(*given)
        return values, slope / 2

    monkeypatch.setattr(alm, "rows", halved)
    assert "two tokenizers: update ratio is" in found()


def test_a_likelihood_of_tokens_instead_of_chunks_is_found(monkeypatch):
    # each chunk ends with its first token
    def first(values, chunk, chunks):
        begins = torch.cat([chunk[:1] >= 0, chunk[1:] != chunk[:-1]])
        return chunk_sums(values * begins, chunk, chunks)

    for module in (teacher, view):
        monkeypatch.setattr(module, "chunk_sums", first)
    assert "raw alm is" in found()


def test_maps_of_tokens_instead_of_pieces_are_found(monkeypatch):
    def of_tokens(of, row, position, _text, columns):
        found = torch.zeros(len(row), columns)
        for index, (r, p) in enumerate(zip(row.tolist(), position.tolist(), strict=True)):
            mine = position[row == r]
            found[index, : len(mine)] = of[r, p, mine]
        return found

    monkeypatch.setattr(teacher, "by_piece", of_tokens)
    assert "two tokenizers: raw attention is" in found()


def test_relations_that_look_ahead_are_found(monkeypatch):
    monkeypatch.setattr(attention, "_hidden", lambda text, rows, seen: text[rows, None] != text[None, seen])
    assert "two tokenizers of one size: raw attention is" in found()


def test_relations_of_queries_alone_are_found(monkeypatch):
    shipped = view.View.looks

    def queries(view):
        every = list(shipped(view))
        return iter(every[::3] if len(every) % 3 == 0 else every)

    monkeypatch.setattr(view.View, "looks", queries)
    assert "two tokenizers of one size: raw attention is" in found()


def test_relation_heads_that_are_ignored_are_found(monkeypatch):
    monkeypatch.setattr(distiller, "relation_heads", lambda widths, _: hooks.relation_heads(widths, 1))
    assert "two tokenizers of one size: raw attention is" in found()


def test_a_normalisation_that_is_ignored_is_found(monkeypatch):
    shipped = layerwise.layer_distance
    monkeypatch.setattr(layerwise, "layer_distance", lambda student, teacher, _: shipped(student, teacher))
    assert "two tokenizers of one size: raw layerwise is" in found()


def test_negatives_of_the_text_where_those_of_the_batch_are_asked_for_are_found(monkeypatch):
    shipped = contrastive.info_nce
    monkeypatch.setattr(contrastive, "info_nce", lambda *given: shipped(*given[:4]))
    assert "two tokenizers of one size: raw contrastive is" in found()


def test_named_pairs_that_are_only_counted_are_found(monkeypatch):
    shipped = distiller.layer_pairs

    def counted(mine, theirs, wanted, **more):
        return shipped(mine, theirs, wanted if isinstance(wanted, int) else len(wanted), **more)

    monkeypatch.setattr(distiller, "layer_pairs", counted)
    assert "two tokenizers of one size: raw layerwise is" in found()
