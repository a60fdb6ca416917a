"""The terms of the objective: from a view of a batch to a sum and its units. A new term is a line in ``TERMS``."""

from __future__ import annotations

from collections.abc import Callable

from sad.align.pieces import visible
from sad.batch import ALM, ATTENTION, CONTRASTIVE, KD, LAYERWISE, LM, Sum
from sad.losses import attention, contrastive
from sad.terms.teacher import most_boundaries
from sad.terms.view import View


def _lm(view: View) -> Sum:
    return Sum(view.vocabulary().lm, len(view.batch.targets))


def _kd(view: View) -> Sum:
    return Sum(view.vocabulary().kd, len(view.batch.boundaries))


def _alm(view: View) -> Sum:
    return Sum(view.vocabulary().alm, len(view.batch.boundaries))


def _layerwise(view: View) -> Sum:
    return _mean([view.layer_distance(pair) for pair in range(len(view.pairs))])


def _attention(view: View) -> Sum:
    text, longest = view.batch.boundaries.texts, most_boundaries(view.batch)
    if view.terms.attention.compare == "maps":
        seen = visible(text, longest)
        each = [attention.map_divergence(*sides, seen) for sides in view.looks()]
    else:
        each = [attention.relation_divergence(*sides, text, view.attention.heads, longest) for sides in view.looks()]
    return _mean(each)


def _contrastive(view: View) -> Sum:
    at, how = view.batch.boundaries.texts, view.terms.contrastive
    return contrastive.info_nce(*view.states(len(view.pairs) - 1), at, how.temperature, how.negatives)


def _mean(each: list[Sum]) -> Sum:
    """The mean of terms over the same units."""
    return Sum(sum((one.total for one in each[1:]), each[0].total) / len(each), each[0].units)


TERMS: dict[str, Callable[[View], Sum]] = {
    KD: _kd,
    LM: _lm,
    ALM: _alm,
    LAYERWISE: _layerwise,
    ATTENTION: _attention,
    CONTRASTIVE: _contrastive,
}
NEED_STATES = frozenset({LAYERWISE, CONTRASTIVE})
"""Terms that read hidden states of blocks: the pairs of ``terms.layerwise.layers``."""
