"""The terms of the objective that compare distributions, as divergences: logits in, a scalar out."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import torch
from jaxtyping import Float
from torch import Tensor, nn

from sad import terms
from sad.align.vocab import VocabMap
from sad.batch import KD, LM, Batch, Boundaries, Targets, Tokens
from sad.head.linear import IDENTITY
from sad.losses import kd
from sad.models.forward import Forward
from sad.objective import Objective
from sad.recipe.terms import Terms
from sad.subjects.divergence import IGNORED, Contract, Divergence, Given, Kind, Reduction, Squared, Takes


def distillation() -> Divergence:
    """Return the distillation term, divided by the objective as in a training step."""
    takes = frozenset({Takes.LABELS, Takes.TEMPERATURE, Takes.COUNT})
    return Divergence(Contract(Kind.FORWARD_KL, Reduction.COUNT, Squared.GRADIENT, strict=True, takes=takes), _kd)


def jensen_shannon() -> Divergence:
    """Return the distillation term with the generalised JSD for its divergence, divided likewise."""
    takes = frozenset({Takes.LABELS, Takes.TEMPERATURE, Takes.COUNT, Takes.BETA})
    return Divergence(Contract(Kind.JSD, Reduction.COUNT, Squared.GRADIENT, strict=True, takes=takes), _jsd)


def forward_kl() -> Divergence:
    """Return the function of the distillation loss that others call, on the rows that count, divided likewise."""
    return Divergence(distillation().contract, _forward_kl)


def language_model() -> Divergence:
    """Return the language-model term; it reads the labels, and no teacher."""
    takes = frozenset({Takes.LABELS, Takes.COUNT})
    return Divergence(Contract(Kind.OTHER, Reduction.COUNT, strict=True, takes=takes), _lm, likelihood)


def likelihood(
    student: Float[Tensor, "batch length vocab"], _: Float[Tensor, "batch length vocab"], given: Given
) -> Float[Tensor, "batch length"]:
    """The negative log-likelihood of each row's label in nats, by its formula."""
    labels = torch.zeros(student.shape[:2], dtype=torch.int64) if given.labels is None else given.labels.clamp_min(0)
    return -torch.log_softmax(student, dim=-1).gather(-1, labels[..., None]).squeeze(-1)


def _kd(given: Given) -> Tensor:
    return _part(KD, given, {KD: {"temperature": given.temperature}, LM: {"weight": 0.0}})


def _jsd(given: Given) -> Tensor:
    chosen: dict[str, float | str] = {"divergence": "jsd", "mix": given.beta, "temperature": given.temperature}
    return _part(KD, given, {KD: chosen, LM: {"weight": 0.0}})


def _forward_kl(given: Given) -> Tensor:
    rows = torch.ones(given.student_logits.shape[:2]) > 0 if given.labels is None else given.labels != IGNORED
    log_p = torch.log_softmax(given.teacher_logits[rows].float() / given.temperature, dim=-1)
    # twice, as whoever calls it may: what it is given is whole afterwards
    _, found = (kd.forward_kl(given.student_logits[rows], log_p, given.temperature) for _ in range(2))
    return Objective({KD: 1.0}).part({KD: found}, {KD: found.units if given.count is None else given.count})


def _lm(given: Given) -> Tensor:
    return _part(LM, given, {LM: {"weight": 1.0}, KD: {"weight": 0.0}})


def _part(name: str, given: Given, chosen: dict[str, dict[str, float | str]]) -> Tensor:
    """What the term adds to the loss of a step of ``given.count`` units, or of as many as it has itself."""
    found = terms.TERMS[name](_view(name, given, Terms.model_validate(chosen)))
    return Objective({name: 1.0}).part({name: found}, {name: found.units if given.count is None else given.count})


@dataclass(frozen=True)
class _Vocabulary:
    """As much of a reader as a map between equal tokenizers looks at."""

    size: int
    fingerprint: str = "one"


@cache
def _same(size: int) -> VocabMap:
    return VocabMap(_Vocabulary(size), _Vocabulary(size))  # type: ignore[arg-type]


def _view(name: str, given: Given, chosen: Terms) -> terms.View:
    """Both passes over the texts, with a label and a common boundary wherever a row counts.

    For a divergence the student has other targets too, and the teacher has read one token more than the student at
    every boundary, as it has where tokenizers differ: rows that are taken from the wrong list are found.
    """
    batch, length, vocab = given.student_logits.shape
    labels = torch.zeros(batch, length, dtype=torch.int64) if given.labels is None else given.labels
    counts = labels != IGNORED
    row, at = counts.nonzero(as_tuple=True)
    row_of, at_of = (counts if name == LM else torch.ones_like(counts)).nonzero(as_tuple=True)
    targets = Targets(row_of, at_of, labels[row_of, at_of])
    index = torch.arange(len(row)) if name == LM else row * length + at
    ahead = torch.cat([given.teacher_logits[:, :1].detach().flip(-1), given.teacher_logits], dim=1)
    read = Tokens(torch.zeros_like(labels), torch.ones_like(labels))
    one = Batch(read, read, targets, targets, Boundaries(row, at, at + 1, index), len(row))
    return terms.View(
        batch=one,
        student=Forward(nn.Identity(), given.student_logits, {}),
        head=IDENTITY,
        teacher=terms.teacher_output(one, Forward(nn.Identity(), ahead, {}), IDENTITY, _same(vocab)),
        vocab=_same(vocab),
        terms=chosen,
        pairs=(),
        projectors=nn.ModuleList(),
    )
