from sad.bugs.retention_falls_with_length import BUG
from sad.evaluate import _Totals
from sad.losses import kd
from sad.verify.battery import run


def test_verify_catches_it_and_finds_it_absent():
    (found,) = run([BUG])
    assert found.good
    (verdict,) = found.reproduced
    assert "kl 1293, right 1.946" in verdict.says
    # the score that was reported: far below nothing
    assert 1 - verdict.numbers["got"] < -1000
    assert found.variants["a mean over all places"][0].says == "one batch: kl 31.54, right 1.946"


def test_a_divergence_by_the_number_of_batches_is_found(monkeypatch, found_in_the_code_that_trains):
    shipped = _Totals.add_sum

    def add_sum(self, name, summed):
        shipped(self, name, summed)
        if name == "own/kl":
            self.values[f"units/{name}"] = self.values.get("batches", 0.0) + 1
            self.values["batches"] = self.values[f"units/{name}"]

    monkeypatch.setattr(_Totals, "add_sum", add_sum)
    assert "kl " in found_in_the_code_that_trains(BUG)


def test_the_other_direction_is_found(monkeypatch, found_in_the_code_that_trains):
    shipped = kd.rows
    monkeypatch.setattr(kd, "rows", lambda s, t, divergence, *_: shipped(t, s.log_softmax(-1), divergence))
    assert "kl " in found_in_the_code_that_trains(BUG)
