"""The optimizer's own copies of the weights undo the load

## Symptom
The first loss after a load is that of the loaded weights; from the second step on it is that of a fresh model. A
fine-tuning that starts from a checkpoint becomes a training from nothing.

## Mechanism
With weights in half precision the optimizer moves copies in float32, made when it was built. The checkpoint is loaded
into the weights alone. The first step moves the copies, which still are the initial weights, and writes them over
what was loaded.

## What its documented fix did
A method of the optimizer, `reload_model_params`, makes the copies again from the loaded weights. The load is then no
longer undone, but every copy has lost the bits that half precision does not hold: it suits weights that come from
elsewhere, not a run that goes on.

## Fix
The student's weights are float32 and are themselves what the optimizer moves; a forward pass in bf16 is autocast, and
there are no copies (`sad/pair.py`, `sad/train/optimizer.py`). A checkpoint is loaded into these weights (`load` in
`sad/train/saving/checkpoint.py`). Where there are copies, they belong in it.

## Source
NVIDIA/Megatron-LM#174, NeMo Speech#10470; C06 of the catalogue of real bugs.
"""

from __future__ import annotations

from sad.bug import Bug
from sad.invariants.resume_equivalence import resume_equivalence
from sad.shipped.resumable import shipped_resumable
from sad.subjects.plain.run import MasterRun, Plain, State
from sad.subjects.resumable import Resumable


class _Undoes(MasterRun):
    def restore(self, state: State) -> None:
        super().restore({**state, "masters": self.masters})


class _CopiesAgain(MasterRun):
    def restore(self, state: State) -> None:
        trained = [name for name, weight in self.model.named_parameters() if weight.requires_grad]
        super().restore({**state, "masters": [state["model"][name].float() for name in trained]})


def buggy() -> Resumable:
    """The copies stay as they were made."""
    return Plain(_Undoes)


def copies_again() -> Resumable:
    """The documented fix: copies of the rounded weights."""
    return Plain(_CopiesAgain)


fixed = shipped_resumable
ATTEMPTS = {"make the copies again from the loaded weights": copies_again}

BUG = Bug("V503", "optimizer-undoes-the-load", __doc__, (resume_equivalence,), buggy, fixed, ATTEMPTS, covers=("C06",))
