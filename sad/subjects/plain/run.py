"""The plainest run that can be taken up again: a tiny network on a table of numbers.

Each method does one thing, so that a fault can be put in one place.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from sad.subjects.resumable import Ran, Saved, Setting, Taken

FEATURES, HIDDEN = 4, 8
PEAK = 0.05
State = dict[str, Any]


class Network(nn.Module):
    """Two layers with dropout between them, and a scale that is not trained."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(FEATURES, HIDDEN), nn.Linear(HIDDEN, 1)
        self.scale = nn.Parameter(torch.ones(1), requires_grad=False)

    def forward(self, inputs: Float[Tensor, "batch features"]) -> Float[Tensor, "batch 1"]:
        """Predict."""
        hidden = F.dropout(torch.tanh(self.first(inputs)), 0.3, self.training)
        predicted: Tensor = self.scale * self.last(hidden)
        return predicted


class PlainRun:
    """A right run, as one process sees it. AdamW; a rate that falls on a line; the order from seed and epoch."""

    def __init__(self, setting: Setting) -> None:
        torch.manual_seed(setting.seed)
        self.setting, self.step, self.passed = setting, 0, 0
        self.model: nn.Module = self.make_model()
        self.targets = [p for p in self.model.parameters() if p.requires_grad]
        self.optimizer = self.make_optimizer()
        draw = torch.Generator().manual_seed(1)
        self.inputs = torch.randn(setting.size, FEATURES, generator=draw)
        self.labels = self.inputs.sum(dim=1, keepdim=True) + torch.randn(setting.size, 1, generator=draw)

    def make_model(self) -> nn.Module:
        """Return the network, in float32."""
        return Network()

    def make_optimizer(self) -> torch.optim.Optimizer:
        """Return the optimizer over ``targets``."""
        return torch.optim.AdamW(self.targets, lr=PEAK, weight_decay=0.1)

    def order(self, epoch: int) -> Sequence[int]:
        """Return the order of the samples in an epoch."""
        seed = 1_000_003 * self.setting.seed + epoch
        return torch.randperm(self.setting.size, generator=torch.Generator().manual_seed(seed)).tolist()

    def samples(self) -> Sequence[int]:
        """Return the samples of the step that is to be taken."""
        epoch, place = divmod(self.step + self.passed, self.setting.steps_per_epoch)
        per_step = self.setting.per_step
        return self.order(epoch)[place * per_step : (place + 1) * per_step]

    def rate(self) -> float:
        """Return the learning rate of the step that is to be taken."""
        return PEAK * (1 - self.step / self.setting.steps)

    def take(self) -> Taken:
        """Take one optimizer step."""
        samples, rate = self.samples(), self.rate()
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        total = 0.0
        for start in range(0, len(samples), self.setting.batch_size):
            some = list(samples[start : start + self.setting.batch_size])
            loss = (self.model(self.inputs[some]).float() - self.labels[some]).square().sum() / len(samples)
            loss.backward()
            total += loss.item()
        self.update()
        self.step += 1
        return Taken(tuple(samples), rate, total)

    def update(self) -> None:
        """Move the weights by the gradients, and clear them."""
        self.optimizer.step()
        self.optimizer.zero_grad()

    def state(self) -> State:
        """Return all that decides the next step, as the objects themselves hold it."""
        return {
            "step": self.step,
            "passed": self.passed,
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "random": torch.get_rng_state(),
        }

    def restore(self, state: State) -> None:
        """Put a state into the objects as they are."""
        self.step, self.passed = state["step"], state.get("passed", 0)
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        torch.set_rng_state(state["random"])

    def save(self) -> Saved:
        """Return a copy of the state."""
        return deepcopy(self.state())

    def load(self, saved: Saved) -> None:
        """Take up what was saved, from a copy: an optimizer keeps the tensors that it is given."""
        self.restore(deepcopy(saved))

    def go_back(self, saved: Saved) -> Saved:
        """Go on from what was saved, with the samples that come next; return what is to be taken up from now on."""
        next_one = self.step + self.passed
        self.load(saved)
        self.passed = next_one - self.step
        return self.save()


class MasterRun(PlainRun):
    """A right run with weights in bfloat16, of which the optimizer moves copies in float32."""

    def make_model(self) -> nn.Module:
        """Return the network in bfloat16."""
        model = _Half()
        return model.to(torch.bfloat16)

    def make_optimizer(self) -> torch.optim.Optimizer:
        """Return the optimizer over the copies."""
        self.masters = [p.detach().float().clone() for p in self.targets]
        return torch.optim.AdamW(self.masters, lr=PEAK, weight_decay=0.1)

    def update(self) -> None:
        """Move the copies by the gradients, and round them into the weights."""
        for master, weight in zip(self.masters, self.targets, strict=True):
            master.grad = None if weight.grad is None else weight.grad.float()
            weight.grad = None
        self.optimizer.step()
        self.write()

    @torch.no_grad()
    def write(self) -> None:
        """Round the copies into the weights."""
        for master, weight in zip(self.masters, self.targets, strict=True):
            weight.copy_(master)

    def state(self) -> State:
        """Return all that decides the next step, the copies too."""
        return {**super().state(), "masters": self.masters}

    def restore(self, state: State) -> None:
        """Put a state into the objects as they are, the copies too."""
        super().restore(state)
        for mine, theirs in zip(self.masters, state["masters"], strict=True):
            mine.copy_(theirs)


class _Half(Network):
    def forward(self, inputs: Float[Tensor, "batch features"]) -> Float[Tensor, "batch 1"]:
        return super().forward(inputs.to(self.scale.dtype))


@dataclass(frozen=True, slots=True)
class Plain:
    """Drives runs of one kind, each in a process of its own: the random state is put back afterwards."""

    make: Callable[[Setting], PlainRun] = PlainRun
    knows_its_data: bool = False

    def run(self, setting: Setting, saved: Saved | None, save_at: Collection[int]) -> Ran:
        """Begin anew or with ``saved``, and train to the last step."""
        with torch.random.fork_rng(devices=[]):
            run = self.make(setting)
            if saved is not None:
                run.load(saved)
            taken, kept = [], {}
            for step in range(run.step + 1, setting.steps + 1):
                taken.append(run.take())
                if step in save_at:
                    kept[step] = run.save()
            return self._ran(run, taken, kept)

    def went_back(self, setting: Setting, at: int, to: int) -> Ran:
        """Begin anew, and go back from step ``at`` to what was saved at step ``to``."""
        with torch.random.fork_rng(devices=[]):
            run = self.make(setting)
            taken = [run.take() for _ in range(to)]
            saved = run.save()
            for _ in range(to, at):
                run.take()
            kept = {to: run.go_back(saved)}
            taken += [run.take() for _ in range(to, setting.steps)]
            return self._ran(run, taken, kept)

    @staticmethod
    def _ran(run: PlainRun, taken: list[Taken], kept: dict[int, Saved]) -> Ran:
        weights = {name: tensor.detach().clone() for name, tensor in run.model.state_dict().items()}
        live = {name: p for name, p in run.model.named_parameters() if p.requires_grad}
        return Ran(taken, kept, weights, moments(run.optimizer), live, run.targets)

    def stopped(self, setting: Setting, at: int) -> Ran | None:  # noqa: ARG002 - the interface's
        """It cannot be asked."""
        return None


def moments(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Return a copy of every tensor of an optimizer's state, by the place of its parameter."""
    state: dict[int, dict[str, Any]] = optimizer.state_dict()["state"]
    return {
        f"{place}/{name}": value.detach().clone()
        for place, of in state.items()
        for name, value in of.items()
        if isinstance(value, Tensor)
    }
