from sad import evaluate
from sad.bugs.mean_over_processes import BUG
from sad.evaluate import _Totals
from sad.verify.battery import run


def test_verify_catches_it_and_finds_it_absent():
    (found,) = run([BUG])
    assert found.good
    assert "accuracy" in found.reproduced[0].says
    # one process alone does not show a mean over processes
    assert found.variants["a mask that is shifted"][0].says.startswith("two processes: ")
    assert found.variants["sums, with a mask that is not"][0].says.startswith("one batch: accuracy ")


def test_totals_that_stay_on_their_process_are_found(monkeypatch, found_in_the_code_that_trains):
    shipped = evaluate.evaluate
    monkeypatch.setattr(evaluate, "evaluate", lambda d, b, o, reduce: (reduce({}), shipped(d, b, o))[1])
    assert "two processes" in found_in_the_code_that_trains(BUG)


def test_means_of_batches_are_found(monkeypatch, found_in_the_code_that_trains):
    def add_mean(self, name, summed):
        self.add(f"total/{name}", summed.total / max(1, summed.units))
        self.add(f"units/{name}", 1.0)

    monkeypatch.setattr(_Totals, "add_sum", add_mean)
    found_in_the_code_that_trains(BUG)
