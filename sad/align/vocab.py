"""Carries the teacher's next-token distribution over to the student's vocabulary."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from sad.align.reader import Reader

UNMAPPED = -1


class VocabMap:
    """A map made once: each teacher token goes to the first student token of its bytes.

    Tokens are matched by the bytes they stand for, never by id: equal sizes prove nothing. Rows of an embedding
    beyond the tokenizer's last id are not tokens and get no mass. For equal tokenizers the map is the identity
    and :meth:`project` is the teacher's own log-softmax, to the last bit.

    ``index`` is int64 of ``teacher_size`` with student ids, or -1 where no student token fits.
    """

    def __init__(self, student: Reader, teacher: Reader) -> None:
        self.student_size, self.teacher_size = student.size, teacher.size
        self.identity = student.fingerprint == teacher.fingerprint
        ids = list(range(teacher.size)) if self.identity else first_tokens(student, teacher)
        self.index = torch.tensor(ids, dtype=torch.int64)
        self._on: dict[torch.device, tuple[Tensor, Tensor]] = {}

    @property
    def mapped(self) -> float:
        """Share of the teacher's tokens that have a student token."""
        return float((self.index != UNMAPPED).float().mean())

    def project(
        self, teacher_logits: Float[Tensor, "boundary teacher_vocab"], temperature: float = 1.0
    ) -> Float[Tensor, "boundary vocab"]:
        """Return log-probabilities over the student's tokens, float32, normalised, at ``temperature``.

        The mass of unmapped tokens is spread in proportion over the rest; :meth:`mass` tells how much it is. Where
        nothing at all is mapped, every entry is -inf: there is nothing to learn there.
        """
        scores = self.scores(teacher_logits, temperature)
        if self.identity:
            return torch.log_softmax(scores, dim=-1)
        silent = (scores == -torch.inf).all(dim=-1, keepdim=True)
        return torch.where(silent, -torch.inf, torch.log_softmax(scores, dim=-1))

    def scores(
        self, teacher_logits: Float[Tensor, "boundary teacher_vocab"], temperature: float = 1.0
    ) -> Float[Tensor, "boundary vocab"]:
        """Return what :meth:`project` normalises: float32, and for equal tokenizers at temperature 1 no work at all.

        It may be the memory of the logits.
        """
        logits = teacher_logits[:, : self.teacher_size].float()
        if temperature != 1.0:
            logits = logits / temperature
        if self.identity:
            return logits
        p = self._gather(torch.softmax(logits, dim=-1))
        # the logarithm of 0 is slow: of the smallest number instead, and -inf in its place
        least = torch.finfo(p.dtype).tiny
        return F.threshold(p.clamp_min_(least).log_(), math.log(least) + 0.5, -torch.inf, inplace=True)

    def mass(self, teacher_logits: Float[Tensor, "boundary teacher_vocab"]) -> Float[Tensor, " boundary"]:
        """Return the share of the teacher's mass that has a student token, per boundary."""
        p = torch.softmax(teacher_logits[:, : self.teacher_size].float(), dim=-1)
        return p.new_ones(len(p)) if self.identity else self._gather(p).sum(dim=-1)

    def restrict(self, student_logits: Float[Tensor, "boundary student_rows"]) -> Float[Tensor, "boundary vocab"]:
        """Leave out the padding rows of the student's head."""
        return student_logits[:, : self.student_size]

    def _gather(self, p: Tensor) -> Tensor:
        index, kept = self._placed(p.device)
        out = torch.zeros(p.shape[0], self.student_size, dtype=p.dtype, device=p.device)
        return out.index_add_(1, index, p if kept.numel() == p.shape[1] else p.index_select(1, kept))

    def _placed(self, device: torch.device) -> tuple[Tensor, Tensor]:
        if device not in self._on:
            kept = (self.index != UNMAPPED).nonzero().squeeze(1)
            self._on[device] = (self.index[kept].to(device), kept.to(device))
        return self._on[device]


def first_tokens(student: Reader, teacher: Reader) -> list[int]:
    """For each teacher token, the student's first token of the same bytes, or ``UNMAPPED``.

    The student's own tokenizer decides where it can read the bytes alone; otherwise (half a character, a rule
    that changes the text) the longest student token that begins the bytes. Special tokens go by their role.
    """
    by_bytes = {b: i for i, b in reversed(list(enumerate(student.bytes))) if b}
    texts = [_decoded(b) for b in teacher.bytes]
    first = _first_read(student, texts)
    roles = _roles(student, teacher)
    ids = []
    for token, read, own in zip(teacher.bytes, first, range(teacher.size), strict=True):
        if own in roles:
            ids.append(roles[own])
        elif not token:
            ids.append(UNMAPPED)
        elif read is not None and token.startswith(student.bytes[read] or b"\0\0"):
            ids.append(read)
        else:
            ids.append(_longest_prefix(token, by_bytes))
    return ids


def _decoded(token: bytes | None) -> str | None:
    try:
        return token.decode("utf-8") if token else None
    except UnicodeDecodeError:
        return None


def _first_read(student: Reader, texts: Sequence[str | None]) -> list[int | None]:
    readings = student.read([text or "" for text in texts])
    return [int(r.ids[0]) if text and len(r.ids) else None for text, r in zip(texts, readings, strict=True)]


def _longest_prefix(token: bytes, by_bytes: dict[bytes, int]) -> int:
    for length in range(len(token), 0, -1):
        if (found := by_bytes.get(token[:length])) is not None:
            return found
    return UNMAPPED


def _roles(student: Reader, teacher: Reader) -> dict[int, int]:
    """Special tokens that mean the same: end of text to end of text, begin to begin."""
    names = ("eos_token_id", "bos_token_id")
    pairs = {getattr(teacher.tokenizer, n): getattr(student.tokenizer, n) for n in reversed(names)}
    return {t: s for t, s in pairs.items() if t is not None and s is not None}
