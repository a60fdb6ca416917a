"""The terms of the distiller between two models of one shape, with projectors that change nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from sad import tiny
from sad.batch import ALM, ATTENTION, CONTRASTIVE, KD, LAYERWISE, Tokens
from sad.distiller import Distiller
from sad.invariants.present_and_sensitive import VOCABULARY, Comparison
from sad.shipped.alike import read_alike
from sad.terms import TERMS


class DistillerTerms:
    """Every term with a teacher, at every position of the texts: one tokenizer, so all are common boundaries."""

    enabled: Sequence[str] = (KD, ALM, LAYERWISE, ATTENTION, CONTRASTIVE)

    def values(self, student: nn.Module, teacher: nn.Module, tokens: Tokens) -> Mapping[str, Tensor]:
        """Return the value of each term, a mean over the positions."""
        terms = tiny.recipe({"terms": {name: {"weight": 0.1} for name in self.enabled}}).terms
        with torch.random.fork_rng(devices=[]):
            distiller = Distiller(student, teacher, tiny.pair(VOCABULARY, VOCABULARY).vocab, terms).eval()
        with torch.no_grad():
            for projector in distiller.projectors:
                nn.init.eye_(projector.map.weight)  # type: ignore[union-attr, arg-type]
        batch = read_alike(tokens, *torch.nonzero(tokens.attention_mask[:, 1:], as_tuple=True))
        view = distiller.view(batch, distiller.ask_teacher(batch))
        # from the table of the terms, as the training takes them: one that is not there is absent
        sums = {name: TERMS[name](view) for name in distiller.names if name in self.enabled}
        return {name: one.total / one.units for name, one in sums.items()}


def shipped_comparison() -> Comparison:
    """Return the code that trains."""
    return DistillerTerms()
