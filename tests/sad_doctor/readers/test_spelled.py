import pytest

from sad_doctor.readers.spelled import spelled
from sad_doctor.readers.step_line import parse


@pytest.mark.parametrize(
    ("line", "values"),
    [
        ("Test: [  10/49]  Time: 0.210 (0.250)  Loss:   5.054 ( 4.500)", {"eval_Time": 0.25, "eval_Loss": 4.5}),
        ("Eval metrics/eval/LanguageCrossEntropy: 3.1", {"eval/LanguageCrossEntropy": 3.1}),
        ("step 3 loss train: 1.500, val: 1.750", {"loss": 1.5, "val_loss": 1.75}),
        ("step 3 loss train: 1.500, val: n/a", {"loss": 1.5}),
        ("step 3 loss=tensor(1.5, device='cuda:0')", {"loss": 1.5}),
    ],
)
def test_a_way_of_its_own(line, values):
    said = parse(line)
    assert said is not None
    assert dict(said.values) == values


def test_a_place_in_the_epoch():
    said = parse("Train: 12 [ 450/1251 ( 36%)]  Loss: 3.21 (3.35)  LR: 5.0e-04")
    assert said is not None
    assert (said.epoch, said.step, said.steps) == (12, 450, 1251)


@pytest.mark.parametrize("line", ["Train: the model", "loss train: none", "Eval metrics/mine: 3", "", "Test: 5"])
def test_any_other_line_stays(line):
    assert spelled(line) == line
