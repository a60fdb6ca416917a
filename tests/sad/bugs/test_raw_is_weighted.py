from sad.bugs.raw_is_weighted import BUG
from sad.objective import Ledger, Objective
from sad.train.ledger import record
from sad.verify.battery import run


def test_verify_catches_it_and_finds_it_absent():
    (found,) = run([BUG])
    assert found.good
    assert "what is called raw of layerwise is 160.55, it is 3211" in found.reproduced[0].says


def test_products_in_the_ledger_are_found(monkeypatch, found_in_the_code_that_trains):
    shipped = Objective.ledger

    def ledger(self, totals, units):
        made = shipped(self, totals, units)
        return Ledger(made.weighted, made.weight)

    monkeypatch.setattr(Objective, "ledger", ledger)
    assert "what is called raw" in found_in_the_code_that_trains(BUG)


def test_products_in_the_record_are_found(monkeypatch, found_in_the_code_that_trains):
    shipped = record._parts
    monkeypatch.setattr(
        record,
        "_parts",
        lambda of, raw, weight, weighted: shipped(of, raw, weight, weighted) | shipped(of, weighted, None, raw),
    )
    assert "what is called raw" in found_in_the_code_that_trains(BUG)


def test_a_total_without_a_part_is_found(monkeypatch, found_in_the_code_that_trains):
    monkeypatch.setattr(Ledger, "loss", property(lambda self: sum(list(self.weighted.values())[1:])))
    assert "its parts add up to" in found_in_the_code_that_trains(BUG)


def test_a_loss_without_weights_is_found(monkeypatch, found_in_the_code_that_trains):
    def part(_, sums, units):
        return sum(one.total / max(1, units[name]) for name, one in sums.items())

    monkeypatch.setattr(Objective, "part", part)
    monkeypatch.setattr(Objective, "scales", lambda *_: None)
    assert "the one that trains is" in found_in_the_code_that_trains(BUG)


def test_a_share_of_two_terms_is_found(monkeypatch, found_in_the_code_that_trains):
    shipped = Ledger.shares.fget
    monkeypatch.setattr(
        Ledger, "shares", property(lambda self: {n: 1.03 * share for n, share in shipped(self).items()})
    )
    assert "the share of layerwise" in found_in_the_code_that_trains(BUG)
