from sad.bugs.mean_counts_padding import BUG
from sad.objective import Objective
from sad.verify.battery import run


def test_verify_catches_it_and_finds_it_absent():
    (found,) = run([BUG])
    assert found.caught
    assert found.absent
    assert "6 of 6 rows without a label get a gradient, 53% of its norm" in found.reproduced[0].says
    assert "columns of padding, right: value 2.833, else 1.071 (x 2.64)" in found.reproduced[1].says
    assert "(x 0.625)" in found.variants["a mask in the sum alone"][1].says


def planted(self, sums, _):
    """Divided by the longest length, whatever was counted."""
    return sum(self.weights[name] * s.total / 64 for name, s in sums.items())


def test_the_fault_is_found_in_the_code_that_trains(monkeypatch, found_in_the_code_that_trains):
    monkeypatch.setattr(Objective, "part", planted)
    monkeypatch.setattr(Objective, "scales", lambda *_: None)
    assert "in a batch beside longer sequences: value" in found_in_the_code_that_trains(BUG)
