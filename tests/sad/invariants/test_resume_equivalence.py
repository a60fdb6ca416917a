"""Right runs of several styles hold; what each wrong one loses is named."""

import io
from copy import deepcopy
from dataclasses import replace

import pytest
import torch

from sad.invariants.resume_equivalence import SETTING, differences, distance, resume_equivalence
from sad.subjects.plain.run import PEAK, MasterRun, Plain, PlainRun
from sad.subjects.resumable import ANEW, TAKEN_UP, Drawn, Taken


class Momentum(PlainRun):
    def make_optimizer(self):
        return torch.optim.SGD(self.targets, lr=PEAK, momentum=0.9, nesterov=True)


class Files(PlainRun):
    """Writes what it saves, in the way of most loops."""

    def save(self):
        file = io.BytesIO()
        torch.save(self.state(), file)
        return file.getvalue()

    def load(self, saved):
        self.restore(torch.load(io.BytesIO(saved), weights_only=True))


class Rebuilds(PlainRun):
    """Loads into a new model, and builds a new optimizer for it."""

    def restore(self, state):
        self.model = self.make_model()
        self.targets = [p for p in self.model.parameters() if p.requires_grad]
        self.optimizer = self.make_optimizer()
        super().restore(state)


class Scheduled(PlainRun):
    """Has torch's own scheduler, and saves it."""

    def __init__(self, setting):
        super().__init__(setting)
        self.schedule = torch.optim.lr_scheduler.LambdaLR(self.optimizer, lambda step: 1 / (1 + step))

    def rate(self):
        return self.schedule.get_last_lr()[0]

    def take(self):
        taken = super().take()
        self.schedule.step()
        return taken

    def state(self):
        return {**super().state(), "schedule": self.schedule.state_dict()}

    def restore(self, state):
        super().restore(state)
        self.schedule.load_state_dict(state["schedule"])


class Generator(PlainRun):
    """Draws the order of each epoch from one generator; saves its state at the epoch's beginning."""

    def __init__(self, setting):
        super().__init__(setting)
        self.generator = torch.Generator().manual_seed(setting.seed)
        self.drawn, self.before, self.current = -1, self.generator.get_state(), []

    def order(self, epoch):
        if self.drawn != epoch:
            self.before, self.drawn = self.generator.get_state(), epoch
            self.current = torch.randperm(self.setting.size, generator=self.generator).tolist()
        return self.current

    def state(self):
        ended = self.step % self.setting.steps_per_epoch == 0
        return {**super().state(), "generator": self.generator.get_state() if ended else self.before}

    def restore(self, state):
        super().restore(state)
        self.generator.set_state(state["generator"])
        self.drawn = -1


@pytest.mark.parametrize("make", [PlainRun, MasterRun, Momentum, Files, Rebuilds, Scheduled, Generator])
def test_a_right_run_holds(make):
    verdict = resume_equivalence(Plain(make))
    assert verdict.holds, verdict.says
    assert verdict.numbers == {"resumes": 5, "apart": 0.0}


class HalfOnDisk(PlainRun):
    """Saves the weights in half precision."""

    def restore(self, state):
        super().restore({**state, "model": {name: w.bfloat16() for name, w in state["model"].items()}})


class Stray(PlainRun):
    """The optimizer gets a weight that is none of the model's."""

    def __init__(self, setting):
        super().__init__(setting)
        self.targets = [*self.targets, torch.nn.Parameter(torch.ones(2))]


class Skips(PlainRun):
    """Begins with the next epoch."""

    def restore(self, state):
        super().restore(state)
        self.step += -self.step % self.setting.steps_per_epoch


class Repeats(PlainRun):
    """Takes the last step again."""

    def restore(self, state):
        super().restore(state)
        self.step -= 1


class ForgetsFrozen(PlainRun):
    """Saves what is trained only; a buffer or a frozen weight is as it was made."""

    def restore(self, state):
        super().restore({**state, "model": {**state["model"], "scale": torch.full((1,), 1 + 1e-6)}})


class Unshuffled(PlainRun):
    def order(self, _):
        return range(self.setting.size)


class Same(PlainRun):
    def order(self, _):
        return super().order(0)


class Turns(PlainRun):
    """Taken up after eight steps or more, it takes the rest of a pass the other way round."""

    def load(self, saved):
        super().load(saved)
        self.turned = self.step >= 8

    def order(self, epoch):
        return super().order(epoch)[:: -1 if getattr(self, "turned", False) else 1]


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (Same, "two passes have one order: "),
        (Turns, "resumed at step 9 of 29: step 10 takes samples "),
        (HalfOnDisk, "resumed at step 1: loss "),
        (Stray, "resumed at step 1: the optimizer owns 4 of 4 live tensors, and 1 others"),
        (Skips, "resumed at step 1: 4 steps taken, not 5"),
        (Repeats, "resumed at step 1: 6 steps taken, not 5"),
        (ForgetsFrozen, "resumed at step 1: loss "),
        (Unshuffled, "seeds 3 and 4 give one order: 0,1,2,3"),
    ],
)
def test_what_a_wrong_run_loses_is_named(make, says):
    verdict = resume_equivalence(Plain(make))
    assert not verdict.holds
    assert verdict.says.startswith(says)


def test_a_run_that_ends_early_is_named():
    class Early:
        def run(self, setting, saved, save_at):
            return Plain().run(replace(setting, steps=setting.steps - 1), saved, save_at)

    assert resume_equivalence(Early()).says == "5 steps taken, not 6"


@pytest.mark.parametrize(
    ("places", "says"),
    [((2, 3), "nothing was saved at step 1"), ((1, 2, 3), "resumed at step 1: nothing was saved at step 5")],
)
def test_a_run_that_saves_nothing_is_named(places, says):
    class Forgets:
        def run(self, setting, saved, save_at):
            return Plain().run(setting, saved, set(places) & set(save_at))

    assert resume_equivalence(Forgets()).says == says


def test_what_differs_is_told_from_the_cause_on():
    whole = Plain().run(SETTING, None, (2,))
    ran = Plain().run(SETTING, whole.saved[2], ())
    assert list(differences(whole, 2, ran)) == []
    first = ran.taken[0]
    odd = replace(ran, taken=[Taken(first.samples[::-1], 2 * first.rate, -1.0), *ran.taken[1:]])
    samples, rate, loss = differences(whole, 2, odd)
    assert samples.startswith("step 3 takes samples")
    assert rate.startswith("learning rate ")
    assert loss.startswith("loss -1 at step 3")


def test_a_moment_that_differs_by_one_bit_is_seen():
    whole = Plain().run(SETTING, None, ())
    odd = deepcopy(whole.moments)
    name = next(n for n in odd if n.endswith("exp_avg"))
    odd[name].view(-1)[0] = torch.nextafter(odd[name].view(-1)[0], torch.tensor(torch.inf))
    (said,) = differences(whole, 0, replace(whole, moments=odd))
    assert said.startswith("the optimizer's state ends")


def test_the_distance_of_unlike_things_is_infinite():
    one = {"a": torch.ones(2)}
    assert distance(one, {"a": torch.ones(2)}) == 0
    assert distance(one, {"a": torch.zeros(2)}) == 1
    for other in ({}, {"b": torch.ones(2)}, {"a": torch.ones(3)}, {"a": torch.ones(2).double()}):
        assert distance(one, other) == float("inf")
    nan = {"a": torch.full((2,), torch.nan)}
    assert distance(one, nan) == float("inf")


class Asked(Plain):
    """Can be asked to end, and refuses other data."""

    def stopped(self, setting, at):
        ran = self.run(replace(setting, steps=at), None, (at,))
        return replace(ran, ended="stopped", saved={at: (ran.saved[at], setting)})

    def run(self, setting, saved, save_at):
        if isinstance(saved, tuple):
            return super().run(saved[1], saved[0], save_at)
        return super().run(setting, saved, save_at)


class Longer(PlainRun):
    """Its rate does not know how long the run is."""

    def rate(self):
        return PEAK


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({}, ""),
        ({"ended": "finished"}, "asked to end at step 3, it says that it was finished"),
        ({"saved": {}}, "asked to end at step 3, it saves nothing"),
        ({"taken": ()}, "asked to end at step 3, it ends after step 0"),
    ],
)
def test_a_run_that_is_asked_to_end_is_judged(change, says):
    class Changed(Asked):
        def stopped(self, setting, at):
            return replace(super().stopped(setting, at), **change)

    verdict = resume_equivalence(Changed(Longer))
    assert verdict.holds == (not says)
    assert says in verdict.says


@pytest.mark.parametrize(("began", "says"), [(TAKEN_UP, "never stopped says"), (ANEW, "resumed at step 1: it says")])
def test_a_run_that_does_not_know_how_it_began_is_named(began, says):
    class Told(Plain):
        def run(self, *given):
            return replace(super().run(*given), began=began)

    verdict = resume_equivalence(Told(Longer))
    assert not verdict.holds
    assert says in verdict.says


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ((), ""),
        ((0, 1), "process 1 of 2 does not go on drawing as it would have"),
        ((1, 0), "2 processes draw the same"),
        ((2, 0), "2 processes draw the same after the save of one"),
    ],
)
def test_what_several_processes_draw_is_judged(wrong, says):
    rows = torch.tensor([[[0.1, 0.1, 0.1], [0.2, 0.2, 0.2]]] * 3)[0]
    right = [Drawn(*rows[0]), Drawn(*rows[1])]
    every = {
        (): right,
        (0, 1): [right[0], replace(right[1], again=rows[0, 0])],
        (1, 0): [right[0], right[0]],
        (2, 0): [right[0], replace(right[1], alone=rows[0, 0])],
    }

    class Several(Plain):
        def drawn(self):
            return [Drawn(*(of.reshape(1) for of in (one.after, one.again, one.alone))) for one in every[wrong]]

    verdict = resume_equivalence(Several(Longer))
    assert verdict.holds == (not says)
    assert says in verdict.says
