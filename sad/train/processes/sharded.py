"""Sharded weights (FSDP2): each process keeps a part of every matrix; a block is gathered only while it computes.

The student is cut block by block; all else of it (embedding, head, norms, projectors) belongs to the distiller itself,
whose forward pass reads the head beside its module: there it is whole, and its gradient is summed with the others'.
Numbers are those of one process: weights are gathered in float32, gradients summed in float32, autocast does the rest.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.fsdp import FSDPModule, MixedPrecisionPolicy, fully_shard, register_fsdp_forward_method
from torch.distributed.tensor import DTensor, Shard, distribute_tensor

from sad.distiller import Distiller
from sad.errors import UserError
from sad.models.forward import block_list, body
from sad.train.processes import engine


def shard_student(distiller: Distiller, device: torch.device, *, reshard: bool) -> None:
    """Cut the distiller's weights in place, over all processes of the group. The optimizer is to be made afterwards.

    Raises UserError if the student has no list of blocks.
    """
    mesh, exact = _mesh(device), MixedPrecisionPolicy(reduce_dtype=torch.float32)
    for block in block_list(distiller.student):
        fully_shard(block, mesh=mesh, reshard_after_forward=reshard, mp_policy=exact)
    # what is used first and last stays whole from the forward to the backward pass
    fully_shard(distiller, mesh=mesh, reshard_after_forward=False, mp_policy=exact)
    register_fsdp_forward_method(distiller, "inside")


def shard_teacher(teacher: nn.Module, device: torch.device) -> None:
    """Cut the teacher's blocks in place; its embedding and its head stay whole, as every step compares with them.

    Raises UserError for a teacher of few bits, and where torch is too old.
    """
    if "ignored_params" not in inspect.signature(fully_shard).parameters:
        raise UserError("sharding the teacher needs torch 2.7: install it, or set train.shard_teacher = false")
    blocks, mesh = block_list(teacher), _mesh(device)
    cut = {p for block in blocks for p in block.parameters()}
    if not all(p.is_floating_point() for p in cut):
        raise UserError("a teacher of few bits cannot be sharded: set train.shard_teacher = false")
    for block in blocks:
        fully_shard(block, mesh=mesh, reshard_after_forward=True)
    # the root only lets the next block be gathered while one computes
    fully_shard(body(teacher), mesh=mesh, ignored_params={p for p in teacher.parameters() if p not in cut})


def is_sharded(module: nn.Module) -> bool:
    """Return whether the module's own weights, or what belongs to them, are in pieces."""
    return isinstance(module, FSDPModule) or engine.of(module) is not None


def in_pieces(distiller: Distiller) -> bool:
    """Return whether processes wait for each other in a forward pass: for pieces of the student or of the teacher."""
    return is_sharded(distiller) or is_sharded(body(distiller.teacher))


def settle(module: nn.Module) -> None:
    """Free the weights that an evaluation has gathered: no backward pass will come to do it."""
    if isinstance(module, FSDPModule):
        module.reshard()


@torch.no_grad()
def whole(tensor: Tensor) -> Tensor:
    """Return the whole of a tensor. Every process must ask for the same ones in the same order."""
    if engine.is_piece(tensor):
        return engine.whole(tensor)
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


@torch.no_grad()
def like(values: Tensor, place: Tensor) -> Tensor:
    """Return ``values`` cut, and on the device, as ``place`` is. Every process must do so."""
    if not isinstance(place, DTensor):
        return values.to(place.device)
    return distribute_tensor(values.to(place.device), place.device_mesh, place.placements)


def pieces(tensors: Iterable[Tensor]) -> list[Tensor]:
    """Return the tensors as they are; for those under DeepSpeed, the flat pieces that torch sees."""
    return [_flat(t) if engine.is_piece(t) else t for t in tensors]


def local(tensors: Iterable[Tensor]) -> list[Tensor]:
    """Return the local part of each tensor: its piece, or all of it."""
    return [t.to_local() if isinstance(t, DTensor) else t for t in tensors]


@torch.no_grad()
def norm(tensors: Iterable[Tensor]) -> Tensor:
    """Return the norm of all of the tensors as one vector, float32 [], the same on every process."""
    kinds: dict[bool, list[Tensor]] = {False: [], True: []}
    for tensor in tensors:
        kinds[isinstance(tensor, DTensor)].append(tensor)
    totals = {
        cut: torch.stack(torch._foreach_norm(local(some))).float().square().sum() for cut, some in kinds.items() if some
    }
    if True in totals:
        # one exchange for all of them
        torch.distributed.all_reduce(totals[True])
    return torch.stack([*totals.values()]).sum().sqrt() if totals else torch.zeros(())


def whole_state(module: nn.Module, *, keep: bool) -> dict[str, Tensor]:
    """Return the module's state, whole, on the CPU where it was in pieces; tied weights are one tensor.

    Every process must take part; one that does not ``keep`` it gets an empty one, and needs no memory for it.
    """
    found: dict[str, Tensor] = {}
    seen: dict[int, Tensor] = {}
    for name, value in module.state_dict(keep_vars=True).items():
        if id(value) not in seen:
            full = whole(value).detach()
            # a gathered tensor may be a view of a larger storage, all of which would go into the file
            seen[id(value)] = torch.empty(0)
            if keep:
                seen[id(value)] = full.to("cpu", copy=True) if is_sharded(module) else full
        if keep:
            found[name] = seen[id(value)]
    return found


@torch.no_grad()
def load_state(module: nn.Module, state: dict[str, Tensor]) -> None:
    """Copy a whole state into a module that may be in pieces. Raises RuntimeError if names or shapes differ.

    Of weights that are tied one name is enough.
    """
    own = module.state_dict(keep_vars=True)
    given = {id(own[name]) for name in state if name in own}
    lacking = [name for name, value in own.items() if id(value) not in given]
    if lacking or set(state) - set(own):
        raise RuntimeError(f"its weights are others: {sorted([*lacking, *(set(state) - set(own))])[0]}")
    for name, value in state.items():
        if engine.shape(own[name]) != value.shape:
            raise RuntimeError(f"{name} is {list(value.shape)}, and here {list(engine.shape(own[name]))}")
        if engine.is_piece(own[name]):
            engine.put(own[name], value)
        else:
            own[name].copy_(like(value, own[name]))
    if holds := engine.of(module):
        holds.loaded()


def _flat(weight: Tensor) -> DTensor:
    piece, size = engine.local(weight), engine.shape(weight).numel()
    shape = torch.Size([size])
    return DTensor.from_local(piece, _mesh(piece.device), [Shard(0)], run_check=False, shape=shape, stride=(1,))


def _mesh(device: torch.device) -> DeviceMesh:
    return init_device_mesh(device.type, (torch.distributed.get_world_size(),))
