"""The module that is trained: the student and its projectors. All that needs a gradient happens in its forward."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import TypeVar

import torch
from torch import nn

from sad.align.layers import layer_pairs
from sad.align.vocab import VocabMap
from sad.aware.layers import LayerMap
from sad.aware.tokens import Gaps
from sad.batch import ALM, ATTENTION, KD, LAYERWISE, Batch, Sum
from sad.errors import UserError
from sad.head.linear import head_of
from sad.losses.kd import Kind
from sad.losses.layerwise import normalise
from sad.models.attention import Kept, kept, projections, relation_heads, require_maps
from sad.models.forward import run, text_config
from sad.recipe.aware import OFF, Aware
from sad.recipe.terms import Attention, Terms
from sad.terms import (
    NEED_STATES,
    TERMS,
    AttentionPairs,
    TeacherOutput,
    View,
    attention_at_boundaries,
    custom,
    divergence,
    teacher_chunks,
    teacher_output,
)

T = TypeVar("T")


class Projector(nn.Module):
    """Maps a student's state to the teacher's width. Trained, and outside the student that is saved."""

    def __init__(self, width: int, teacher_width: int) -> None:
        super().__init__()
        self.map = nn.Linear(width, teacher_width, bias=False)

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        """[n, width] -> [n, teacher_width], float32. The state is normalised first, so its size does not matter."""
        with torch.autocast(states.device.type, enabled=False):
            projected: torch.Tensor = self.map(normalise(states))
        return projected


def check_terms(terms: Terms, student: nn.Module, teacher: nn.Module, vocab: VocabMap) -> None:
    """Raise UserError for terms that this pair cannot have, as far as it can be told without a pass of a model."""
    if KD in terms.weights and divergence(terms.kd).plain == Kind.REVERSE_KL and not vocab.identity:
        raise UserError(
            "terms.kd.divergence: reverse KL is infinite where the student has tokens that no token of the teacher "
            "becomes; the two tokenizers differ: take forward_kl, jsd or skew_reverse_kl"
        )
    depths = text_config(student).num_hidden_layers, text_config(teacher).num_hidden_layers
    if NEED_STATES & set(terms.weights):
        layer_pairs(*depths, terms.layerwise.layers, key="terms.layerwise.layers")
    if ATTENTION in terms.weights:
        layer_pairs(*depths, terms.attention.layers, key="terms.attention.layers")


class Distiller(nn.Module):
    """Student, projectors, and the terms between them and a teacher that it reads but does not own.

    The teacher is kept out of ``parameters()``, of ``train()`` and of every saved state. ``stored`` gives the teacher's
    output from a cache instead; of the teacher only the configuration is read then. Raises ValueError where the two
    models share a weight, UserError for a divergence that two tokenizers rule out.
    """

    def __init__(
        self,
        student: nn.Module,
        teacher: nn.Module,
        vocab: VocabMap,
        terms: Terms,
        stored: Callable[[Batch], TeacherOutput] | None = None,
        aware: Aware = OFF,
    ) -> None:
        super().__init__()
        if {id(p) for p in student.parameters()} & {id(p) for p in teacher.parameters()}:
            raise ValueError(
                "student and teacher share weights: freezing the teacher would freeze the student; give each its own"
            )
        check_terms(terms, student, teacher, vocab)
        self.student = student
        self._outside = (teacher.eval().requires_grad_(False), vocab, stored)
        self.terms = terms
        chosen = {name: of for name, of in terms.custom.items() if of.weight > 0}
        own = {name: custom.make(name, of) for name, of in chosen.items()}
        self.names = (*(name for name in TERMS if name in terms.weights), *own)
        self.own = nn.ModuleDict({name: term for name, term in own.items() if isinstance(term, nn.Module)})
        self._own, self._unchecked = own, set(own)
        mine, theirs = text_config(student), text_config(teacher)
        states = bool(NEED_STATES & set(self.names)) or any(map(custom.reads_states, own.values()))
        learned = aware.layers.learned and LAYERWISE in self.names
        depths = mine.num_hidden_layers, theirs.num_hidden_layers
        key = "terms.layerwise.layers"
        self.pairs = layer_pairs(*depths, terms.layerwise.layers, repeat=learned, key=key) if states else ()
        self.projectors = nn.ModuleList(Projector(mine.hidden_size, theirs.hidden_size) for _ in self.pairs)
        self.layer_map = LayerMap([block for _, block in self.pairs], theirs.num_hidden_layers) if learned else None
        self.gaps = Gaps(aware.tokens.power, aware.tokens.most) if aware.tokens.power and KD in self.names else None
        self.attention = AttentionPairs()
        if ATTENTION in self.names:
            self.attention = attention_pairs(student, teacher, terms.attention)

    @property
    def teacher(self) -> nn.Module:
        """The teacher, frozen and in evaluation mode."""
        return self._outside[0]

    @property
    def hears_teacher(self) -> bool:
        """Whether the teacher itself answers, not a cache of its output."""
        return self._outside[2] is None

    @property
    def vocab(self) -> VocabMap:
        """The map from the teacher's tokens to the student's."""
        return self._outside[1]

    @property
    def teacher_blocks(self) -> list[int]:
        """The teacher's blocks whose states are kept."""
        if self.layer_map is not None:
            return list(range(self.layer_map.scores.shape[1]))
        return [theirs for _, theirs in self.pairs]

    @torch.no_grad()
    def ask_teacher(self, batch: Batch) -> TeacherOutput:
        """Run the teacher on its reading of the batch; keep its rows at the common boundaries."""
        if (stored := self._outside[2]) is not None:
            return stored(batch)
        with self._looking(self.teacher, 1) as looks:
            read = run(self.teacher, batch.teacher, self.teacher_blocks)
        head = head_of(self.teacher)
        chunks = teacher_chunks(batch, read, head) if ALM in self.names else None
        made = teacher_output(batch, read, head, self.vocab)
        return replace(made, attended=attention_at_boundaries(looks, batch, batch.boundaries.teacher), chunks=chunks)

    def forward(
        self, batch: Batch, teacher: TeacherOutput, scales: Mapping[str, float] | None = None
    ) -> dict[str, Sum]:
        """Return each term's sum over this micro-batch, with gradient to the student and the projectors.

        ``scales`` are what the sums will be multiplied by, if that is known: see :class:`sad.terms.View`.
        """
        view = self.view(batch, teacher, scales)
        return {name: self.term(name, view) for name in self.names}

    def inside(self, act: Callable[[], T]) -> T:
        """Return the result of ``act``, run as a forward pass: there sharded weights are gathered."""
        return act()

    def view(self, batch: Batch, teacher: TeacherOutput, scales: Mapping[str, float] | None = None) -> View:
        """Run the student and put both readings side by side."""
        with self._looking(self.student, 0) as looks:
            student = run(self.student, batch.student, [mine for mine, _ in self.pairs])
        return View(
            batch=batch,
            student=student,
            head=head_of(self.student),
            teacher=teacher,
            vocab=self.vocab,
            terms=self.terms,
            pairs=self.pairs,
            projectors=self.projectors,
            scales=scales,
            attended=attention_at_boundaries(looks, batch, batch.boundaries.student),
            attention=self.attention,
            layer_map=self.layer_map,
            gaps=self.gaps,
        )

    def term(self, name: str, view: View) -> Sum:
        """Return one term's sum. Raises UserError where a user's own term fails, or at first breaks the contract."""
        if name in TERMS:
            return TERMS[name](view)
        # where the student's states are not finite, no term can be
        if name in self._unchecked and len(view.batch.boundaries) and bool(view.student.hidden.isfinite().all()):
            custom.check(name, self.terms.custom[name], self._own[name], view)
            self._unchecked.discard(name)
        return custom.call(name, self.terms.custom[name], self._own[name], view)

    def counts(self, batch: Batch) -> dict[str, int]:
        """Units of each term in a micro-batch, known before any forward pass."""
        return batch.counts() | {name: custom.units(term, batch) for name, term in self._own.items()}

    def outside(self) -> Iterator[nn.Parameter]:
        """Parameters trained beside the student and not saved with it: projectors, layer map, a user's own terms."""
        yield from self.projectors.parameters()
        if self.layer_map is not None:
            yield from self.layer_map.parameters()
        yield from self.own.parameters()

    def _looking(self, model: nn.Module, side: int) -> AbstractContextManager[Kept]:
        return kept(model, [pair[side] for pair in self.attention.pairs], self.terms.attention.compare)


def attention_pairs(student: nn.Module, teacher: nn.Module, recipe: Attention) -> AttentionPairs:
    """Decide which blocks' attention is compared, and how it is cut. Raises UserError where that cannot be done."""
    mine, theirs = (text_config(model).num_hidden_layers for model in (student, teacher))
    pairs = layer_pairs(mine, theirs, recipe.layers)
    if recipe.compare == "maps":
        require_maps(student, "student")
        require_maps(teacher, "teacher")
        return AttentionPairs(pairs)
    widths = [
        width
        for pair in pairs
        for model, block, name in zip((student, teacher), pair, ("student", "teacher"), strict=True)
        for width in projections(model, block, name).widths
    ]
    return AttentionPairs(pairs, relation_heads(widths, recipe.heads))
