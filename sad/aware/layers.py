"""A learned soft map from blocks of the student to blocks of the teacher."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from sad.losses.layerwise import normalise


class LayerMap(nn.Module):
    """For each compared block of the student a softmax over all ``depth`` blocks of the teacher.

    ``starts[k]`` is the teacher's block that pair ``k`` begins at; others begin the lower the further they are. The
    scores are weights outside the student: trained with the projectors, saved with the checkpoint. A row is by itself,
    so several blocks of a deeper student may answer to one of the teacher's. After the fusion of layers by Passban et
    al. 2020 (arXiv 2012.14022).
    """

    def __init__(self, starts: Sequence[int], depth: int) -> None:
        super().__init__()
        distance = (torch.arange(depth)[None, :] - torch.tensor(list(starts))[:, None]).abs()
        self.scores = nn.Parameter(-distance.float())

    @property
    def weights(self) -> Float[Tensor, "pair block"]:
        """The map: rows of shares that sum to 1."""
        return torch.softmax(self.scores, dim=-1)

    def forward(self, pair: int, blocks: Sequence[Float[Tensor, "boundary width"]]) -> Float[Tensor, "boundary width"]:
        """Return the mixture of the teacher's ``blocks`` for a pair, float32, with gradient to the map alone.

        Each block's states are normalised first: their sizes differ a hundredfold, and the largest would own the sum.
        """
        shares = self.weights[pair]
        mixed = shares[0] * normalise(blocks[0].detach())
        for share, states in zip(shares[1:], blocks[1:], strict=True):
            mixed = mixed + share * normalise(states.detach())
        return mixed
