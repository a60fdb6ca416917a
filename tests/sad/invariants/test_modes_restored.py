import pytest
import torch
from torch import nn

from sad.invariants.modes_restored import Passes, modes_restored


def student():
    return nn.Sequential(nn.BatchNorm1d(4), nn.Linear(4, 4), nn.Dropout(0.5))


def passes(run, model=None, trained=None, gradient=False):
    model = student() if model is None else model
    inputs = torch.linspace(-1, 1, 32).reshape(8, 4)

    def passed():
        with torch.set_grad_enabled(gradient):
            return run(model, inputs)

    return Passes(model, {"the pass": passed}, trained or (lambda: model(inputs)))


def separate(_, inputs, teacher=student().eval()):  # noqa: B008 - one teacher
    return teacher(inputs)


def careful(model, inputs):
    """A shared module whose modes are noted and put back."""
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        return model(inputs)
    finally:
        for module, training in modes.items():
            module.training = training


def functional(_, inputs):
    """No module at all."""
    return inputs * 2


@pytest.mark.parametrize("run", [separate, careful, functional])
def test_a_careful_pass_holds(run):
    verdict = modes_restored(passes(run))
    assert verdict.holds, verdict.says
    assert verdict.numbers["apart"] > 0


def sleeps(model, inputs):
    return model.eval()(inputs)


def wakes(model, inputs):
    answer = model.eval()(inputs)
    model.train()
    return answer


def drops(model, inputs):
    return model(inputs)


@pytest.mark.parametrize(
    ("run", "says"),
    [
        (
            sleeps,
            "after the pass 3 of 4 modules of the student have left training mode; the student trains without dropout",
        ),
        (wakes, "after the pass 1 modules are in training mode that were not"),
        (drops, "the pass: two answers to one text differ by "),
    ],
)
def test_what_a_pass_does_to_the_student_is_named(run, says):
    verdict = modes_restored(passes(run))
    assert not verdict.holds
    assert verdict.says.startswith(says)


def test_a_student_that_is_put_to_sleep_by_its_own_step_is_named():
    model = student()
    inputs = torch.ones(8, 4)
    verdict = modes_restored(passes(separate, model, lambda: model.eval()(inputs)))
    assert verdict.says == "the student trains without dropout"


def test_the_random_state_outside_is_left_alone():
    given = passes(separate)
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    modes_restored(given)
    assert torch.equal(torch.rand(3), expected)


def test_a_pass_that_keeps_its_graph_is_named():
    verdict = modes_restored(passes(careful, gradient=True))
    assert not verdict.holds
    assert "tensors for a gradient" in verdict.says


def test_a_pass_that_leaves_a_hook_is_named():
    def hooked(model, inputs):
        model.register_forward_hook(lambda *_: None)
        return separate(model, inputs)

    assert modes_restored(passes(hooked)).says == "the pass leaves 2 hooks on the student"
