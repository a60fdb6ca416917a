from sad import evaluate
from sad.bugs.evaluation_counts_one_process import BUG
from sad.verify.battery import run


def test_verify_catches_it_and_finds_it_absent():
    (found,) = run([BUG])
    assert found.good
    assert found.reproduced[0].says == "two processes: lm_loss 6.833, right 4.057"


def test_a_count_that_is_not_added_up_is_found(monkeypatch, found_in_the_code_that_trains):
    shipped = evaluate._scores
    own = {}

    def scores(done, terms, objective):
        return shipped({**done, **own}, terms, objective)

    def keep(self, name, summed, add=evaluate._Totals.add_sum):
        add(self, name, summed)
        own.update({key: value for key, value in self.values.items() if key.startswith("units/")})

    monkeypatch.setattr(evaluate._Totals, "add_sum", keep)
    monkeypatch.setattr(evaluate, "_scores", scores)
    assert "two processes: lm_loss" in found_in_the_code_that_trains(BUG)
