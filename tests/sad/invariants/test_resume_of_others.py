"""Accelerate's own way of resuming holds; bugs of other projects are named, most of them in no catalogue of ours."""

import pytest
import torch
from accelerate.data_loader import SeedableRandomSampler, skip_first_batches
from torch.utils.data import DataLoader

from sad.invariants.resume_equivalence import resume_equivalence
from sad.subjects.plain.run import Plain, PlainRun


class Accelerated(PlainRun):
    """Its loader, sampler and the skipping are accelerate's own."""

    tells_the_epoch = True

    def loader(self, epoch, place):
        numbers = list(range(self.setting.size))
        sampler = SeedableRandomSampler(numbers, data_seed=self.setting.seed)
        if self.tells_the_epoch:
            sampler.set_epoch(epoch)
        return skip_first_batches(DataLoader(numbers, batch_size=self.setting.per_step, sampler=sampler), place)

    def samples(self):
        epoch, place = divmod(self.step + self.passed, self.setting.steps_per_epoch)
        if not hasattr(self, "batches") or place == 0:
            random = torch.get_rng_state()
            self.batches = iter(self.loader(epoch, place))
            # the iterator draws a seed for its workers
            torch.set_rng_state(random)
        return next(self.batches).tolist()


def test_the_way_of_accelerate_holds():
    verdict = resume_equivalence(Plain(Accelerated))
    assert verdict.holds, verdict.says


class NotTold(Accelerated):
    """The sampler that was built anew is not told the epoch; the one of the first process was (ms-swift#10050)."""

    def restore(self, state):
        super().restore(state)
        self.tells_the_epoch = False


class OffsetEveryEpoch(PlainRun):
    """The offset of the resume is skipped in every later epoch too (NVIDIA-NeMo/Megatron-Bridge#4565)."""

    offset = 0

    def restore(self, state):
        super().restore(state)
        self.offset = self.step % self.setting.steps_per_epoch * self.setting.per_step

    def order(self, epoch):
        whole = super().order(epoch)
        return [*whole[self.offset :], *whole[self.offset :]] if epoch else whole


class SkipsAnEpoch(PlainRun):
    """A save at the end of an epoch is taken for one after the next (verl-project/verl#7401)."""

    skipped = 0

    def restore(self, state):
        super().restore(state)
        self.skipped = self.step % self.setting.steps_per_epoch == 0

    def order(self, epoch):
        return super().order(epoch + self.skipped)


class DrawsAgain(PlainRun):
    """The order is drawn from the global generator as it stood in the midst of the epoch (wyim-pgl/transgenic#59)."""

    drawn = -1

    def order(self, epoch):
        if self.drawn != epoch:
            self.drawn, self.current = epoch, torch.randperm(self.setting.size).tolist()
        return self.current


class FromZero(PlainRun):
    """The loader has a fixed seed and no state: each process begins at the front (kyutai-labs/pocket-tts#287)."""

    begun = 0

    def restore(self, state):
        super().restore(state)
        self.begun = self.step

    def order(self, epoch):
        whole = [sample for e in range(epoch + 2) for sample in super(FromZero, self).order(e)]
        return whole[(epoch - self.begun // self.setting.steps_per_epoch) * self.setting.size :]


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (NotTold, "resumed at step 1: step 3 takes samples "),
        (OffsetEveryEpoch, "resumed at step 1: step 3 takes samples "),
        (SkipsAnEpoch, "resumed at the end of an epoch, step 2: step 3 takes samples "),
        (DrawsAgain, "resumed at step 1: step 2 takes samples "),
        (FromZero, "resumed at the end of an epoch, step 2: step 3 takes samples "),
    ],
)
def test_bugs_of_others_are_named(make, says):
    verdict = resume_equivalence(Plain(make))
    assert not verdict.holds
    assert verdict.says.startswith(says)
