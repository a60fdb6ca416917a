"""The module that trains: the student and its projectors. Everything that needs a gradient happens in its forward."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

import torch
from torch import nn

from sad.align.layers import layer_pairs
from sad.align.vocab import VocabMap
from sad.batch import Batch, Sum
from sad.forward import run, text_config
from sad.head.linear import head_of
from sad.losses.layerwise import normalise
from sad.recipe import Terms
from sad.terms import NEED_STATES, TERMS, Asked, View, asked

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


class Distiller(nn.Module):
    """Student, projectors, and the terms between them and a teacher that it reads but does not own.

    The teacher is kept out of ``parameters()``, of ``train()`` and of every saved state. Raises ValueError where the
    two share a weight.
    """

    def __init__(self, student: nn.Module, teacher: nn.Module, vocab: VocabMap, terms: Terms) -> None:
        super().__init__()
        if {id(p) for p in student.parameters()} & {id(p) for p in teacher.parameters()}:
            raise ValueError("student and teacher share weights: freezing the teacher would freeze the student")
        self.student = student
        self._outside = (teacher.eval().requires_grad_(False), vocab)
        self.terms = terms
        self.names = tuple(name for name in TERMS if name in terms.weights)
        mine, theirs = text_config(student), text_config(teacher)
        wanted = terms.layerwise.layers if NEED_STATES & set(self.names) else 0
        self.pairs = layer_pairs(mine.num_hidden_layers, theirs.num_hidden_layers, wanted) if wanted else ()
        self.projectors = nn.ModuleList(Projector(mine.hidden_size, theirs.hidden_size) for _ in self.pairs)

    @property
    def teacher(self) -> nn.Module:
        """The teacher, frozen and in evaluation mode."""
        return self._outside[0]

    @property
    def vocab(self) -> VocabMap:
        """The map from the teacher's tokens to the student's."""
        return self._outside[1]

    @torch.no_grad()
    def ask_teacher(self, batch: Batch) -> Asked:
        """Run the teacher on its reading of the batch; keep its rows at the common boundaries."""
        read = run(self.teacher, batch.teacher, [theirs for _, theirs in self.pairs])
        return asked(batch, read, head_of(self.teacher), self.vocab)

    def forward(self, batch: Batch, asked: Asked, scales: Mapping[str, float] | None = None) -> dict[str, Sum]:
        """Return each term's sum over this micro-batch, with gradient to the student and the projectors.

        ``scales`` are what the sums will be multiplied by, if that is known: see :class:`sad.terms.View`.
        """
        view = self.view(batch, asked, scales)
        return {name: TERMS[name](view) for name in self.names}

    def inside(self, act: Callable[[], T]) -> T:
        """Return what ``act`` gives, called as a forward pass: in one, weights that are kept in pieces are whole."""
        return act()

    def view(self, batch: Batch, asked: Asked, scales: Mapping[str, float] | None = None) -> View:
        """Run the student and put both readings side by side."""
        student = run(self.student, batch.student, [mine for mine, _ in self.pairs])
        head = head_of(self.student)
        return View(batch, student, head, asked, self.vocab, self.terms, self.pairs, self.projectors, scales)
