from sad.bugs.softmax_of_probabilities import BUG
from sad.losses import layerwise
from sad.verify.battery import run


def test_verify_catches_it_and_finds_it_absent():
    (found,) = run([BUG])
    assert found.caught
    assert found.absent
    assert found.reproduced[0].says == "attention is 0.00086 for unrelated models, 0 for equal ones"
    (warmer,) = found.variants["a temperature that has grown"]
    assert warmer.numbers["unrelated"] < found.reproduced[0].numbers["unrelated"] / 10


def test_states_that_go_through_a_softmax_are_found(monkeypatch, found_in_the_code_that_trains):
    def normalise(states, shipped=layerwise.normalise):
        return (shipped(states).softmax(dim=-1) / 4).softmax(dim=-1)

    monkeypatch.setattr(layerwise, "normalise", normalise)
    assert "layerwise is " in found_in_the_code_that_trains(BUG)
