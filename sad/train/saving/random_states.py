"""The states of random generators, dropout's among them: of this process, and of every one in a checkpoint."""

from __future__ import annotations

import torch
from torch import Tensor
from torch import distributed as dist

CPU, CUDA = "random/cpu", "random/cuda"


def rank() -> int:
    """Return the number of this process in its group."""
    return dist.get_rank() if dist.is_available() and dist.is_initialized() else 0


def seed(base: int) -> None:
    """Seed this process's generators: each process of a run draws numbers of its own, the first those of ``base``."""
    mine = rank()
    if mine:
        # far from any seed that a user would choose
        torch.manual_seed((base + 0x9E3779B97F4A7C15 * mine) % 2**63)


def own() -> list[Tensor]:
    """Return the states of this process's generators that a step draws from: the CPU's and, if there is one, CUDA's."""
    return [torch.get_rng_state(), *([torch.cuda.get_rng_state()] if torch.cuda.is_available() else [])]


def set_own(states: list[Tensor]) -> None:
    """Set this process's generators to what :func:`own` returned, each uint8 [bytes]."""
    torch.set_rng_state(states[0].cpu())
    if len(states) > 1:
        torch.cuda.set_rng_state(states[1].cpu())


def gathered(keep: bool) -> dict[str, Tensor]:
    """Return the states of the generators of every process, uint8 [bytes], by a name in which its number is.

    Every process must take part; one that does not ``keep`` them gets none.
    """
    states = own()
    every = [states]
    if dist.is_available() and dist.is_initialized():
        found: list[list[Tensor]] = [[] for _ in range(dist.get_world_size())]
        dist.all_gather_object(found, states)
        every = found
    if not keep:
        return {}
    return {_name(kind, i): s for i, some in enumerate(every) for kind, s in zip((CPU, CUDA), some, strict=False)}


def restore(tensors: dict[str, Tensor]) -> None:
    """Take every process's states out of ``tensors`` and set this process's. Raises KeyError if there are none.

    On more processes than there were, the new ones seed theirs from what the first process is about to draw.
    """
    known = {name: tensors.pop(name) for name in [name for name in tensors if name.startswith("random/")]}
    first, mine = known[CPU], rank()
    cuda = known.get(_name(CUDA, mine), known.get(CUDA)) if torch.cuda.is_available() else None
    set_own([known.get(_name(CPU, mine), first), *([] if cuda is None else [cuda])])
    if _name(CPU, mine) not in known:
        seed(int(torch.randint(2**62, ())))


def _name(kind: str, process: int) -> str:
    return f"{kind}/{process}" if process else kind
