from sad.bugs.reshuffles_the_shuffled import BUG
from sad.data import schedule as schedules
from sad.train.plan import Plan
from sad.verify.battery import run


def test_verify_catches_it_and_finds_it_absent():
    (found,) = run([BUG])
    assert found.caught
    assert found.absent
    assert found.reproduced[0].says.startswith("resumed at the end of an epoch, step 2: step 3 takes samples ")
    (second,) = found.variants["the place counts from the last resume"]
    assert second.says.startswith("resumed a second time, step 5: step 6 takes samples ")


def test_a_shuffle_of_the_shuffled_is_found(monkeypatch, found_in_the_code_that_trains):
    held = {}

    def schedule(self, processes=1, shipped=Plan.schedule):
        held.clear()
        return shipped(self, processes)

    def order(size, epoch, seed, shipped=schedules.order):
        if held.get("epoch") != epoch:
            drawn = shipped(size, epoch, seed)
            held.update(epoch=epoch, order=held["order"][drawn] if held else drawn)
        return held["order"]

    monkeypatch.setattr(Plan, "schedule", schedule)
    monkeypatch.setattr(schedules, "order", order)
    assert "resumed at the end of an epoch, step 2: step 3 takes samples " in found_in_the_code_that_trains(BUG)
