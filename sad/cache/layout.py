"""The record of a common boundary on disk; its length is fixed, so that a record is found by its number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from numpy import ndarray
from torch import Tensor

from sad.cache.bits import from_grid, pack, packed_size, to_grid, unpack
from sad.head.target import Stored, TopK

EXACT = 32
"""Bits of a log-probability that stays a float32."""
TAIL = 16
"""Bits of the tail's mass, where log-probabilities are on a grid."""
STATE_PEAK = 2.0**15
"""What the largest feature of a state becomes in float16."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The record: a list for each (temperature, k) in ``lists``, then, where ``mass`` is asked for, the mapped share
    of the teacher's mass, then the states of ``blocks``, each of ``width`` features.

    ``vocabulary`` is the number of the student's tokens. ``bits`` are those of a log-probability; 32 keeps everything
    in float32. Otherwise states are float16 with a float32 scale, so that none overflows.
    """

    vocabulary: int
    bits: int
    lists: tuple[tuple[float, int], ...]
    mass: bool
    blocks: tuple[int, ...]
    width: int

    @property
    def id_bits(self) -> int:
        """Bits of a token."""
        return max(1, (self.vocabulary - 1).bit_length())

    @property
    def size(self) -> int:
        """Bytes of a record."""
        lists = sum(sum(self._parts(k)) for _, k in self.lists)
        return lists + 4 * self.mass + len(self.blocks) * self._state

    @property
    def _state(self) -> int:
        return 4 * self.width if self.bits == EXACT else 4 + 2 * self.width

    def _parts(self, k: int) -> tuple[int, int, int]:
        """Bytes of a list's ids, log-probabilities and tail."""
        exact = self.bits == EXACT
        values = 4 * k if exact else packed_size(k, self.bits)
        return packed_size(k, self.id_bits), values, 4 if exact else packed_size(1, TAIL)

    def encode(self, target: Stored, blocks: dict[int, Float[Tensor, "n width"]]) -> UInt8[ndarray, "n size"]:
        """Return the records of some boundaries."""
        parts: list[np.ndarray] = []
        for (temperature, k), found in zip(self.lists, target.lists, strict=True):
            assert (found.temperature, found.ids.shape[1]) == (temperature, k), "a list of this layout"
            parts += [pack(_numpy(found.ids), self.id_bits)]
            parts += [self._values(_numpy(found.log_probs), self.bits), self._values(_numpy(found.tail)[:, None], TAIL)]
        if self.mass:
            assert target.mass is not None, "the mapped mass is asked for"
            parts.append(_bytes(_numpy(target.mass)[:, None]))
        parts += [self._pack_state(blocks[block].float()) for block in self.blocks]
        return np.concatenate(parts, axis=1)

    def decode(
        self, records: UInt8[ndarray, "n size"], device: torch.device | str = "cpu"
    ) -> tuple[Stored, dict[int, Float[Tensor, "n width"]]]:
        """Return what the records hold; log-probabilities are normalised together with their tail."""
        lists, start = [], 0
        for temperature, k in self.lists:
            cut = []
            for size in self._parts(k):
                cut.append(records[:, start : start + size])
                start += size
            ids = torch.from_numpy(unpack(cut[0], k, self.id_bits)).to(device)
            log_probs = self._read(cut[1], k, self.bits).to(device)
            tail = self._read(cut[2], 1, TAIL).squeeze(1).to(device)
            if self.bits != EXACT:
                log_probs, tail = _normalised(log_probs, tail)
            lists.append(TopK(ids, log_probs, tail, temperature))
        mass = None
        if self.mass:
            mass = _floats(records[:, start : start + 4]).squeeze(1).to(device)
            start += 4
        blocks = {}
        for block in self.blocks:
            blocks[block] = self._unpack_state(records[:, start : start + self._state]).to(device)
            start += self._state
        return Stored(tuple(lists), mass), blocks

    def _values(self, values: np.ndarray, bits: int) -> np.ndarray:
        return _bytes(values) if self.bits == EXACT else pack(to_grid(values, bits), bits)

    def _read(self, records: np.ndarray, count: int, bits: int) -> Tensor:
        if self.bits == EXACT:
            return _floats(records)
        return torch.from_numpy(from_grid(unpack(records, count, bits), bits))

    def _pack_state(self, state: Tensor) -> np.ndarray:
        if self.bits == EXACT:
            return _bytes(_numpy(state))
        scale = state.abs().amax(dim=1, keepdim=True).clamp_min(torch.finfo(torch.float32).tiny) / STATE_PEAK
        return np.concatenate([_bytes(_numpy(scale)), _bytes(_numpy((state / scale).half()))], axis=1)

    def _unpack_state(self, records: np.ndarray) -> Tensor:
        if self.bits == EXACT:
            return _floats(records)
        half = np.ascontiguousarray(records[:, 4:]).view(np.dtype("<f2")).astype(np.float32)
        return torch.from_numpy(half) * _floats(records[:, :4])

    def tree(self) -> dict[str, Any]:
        """The layout as plain values, for a manifest."""
        lists = [list(one) for one in self.lists]
        plain = {name: getattr(self, name) for name in ("vocabulary", "bits", "mass", "width")}
        return {**plain, "lists": lists, "blocks": list(self.blocks)}


def layout(tree: dict[str, Any]) -> Layout:
    """Return the layout that :meth:`Layout.tree` told. Raises LookupError, TypeError or ValueError for another tree."""
    lists = tuple((float(temperature), int(k)) for temperature, k in tree["lists"])
    blocks = tuple(int(block) for block in tree["blocks"])
    return Layout(int(tree["vocabulary"]), int(tree["bits"]), lists, bool(tree["mass"]), blocks, int(tree["width"]))


def _normalised(log_probs: Tensor, tail: Tensor) -> tuple[Tensor, Tensor]:
    """Take the grid's error out of the sum; where there is no mass at all there stays none."""
    whole = torch.logaddexp(log_probs.logsumexp(dim=-1), tail)
    whole = whole.clamp_min(torch.finfo(whole.dtype).min)
    return log_probs - whole[:, None], tail - whole


def _numpy(of: Tensor) -> np.ndarray:
    return of.cpu().numpy()


def _bytes(of: np.ndarray) -> np.ndarray:
    """The rows' memory, lowest byte first on every machine."""
    little = np.ascontiguousarray(of, dtype=of.dtype.newbyteorder("<"))
    return little.view(np.uint8).reshape(len(of), of.shape[1] * of.itemsize)


def _floats(records: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(records).view(np.dtype("<f4")).astype(np.float32))
