from sad.bugs.seed_misses_the_data import BUG
from sad.data import schedule
from sad.verify.battery import run


def test_verify_catches_it_and_finds_it_absent():
    (found,) = run([BUG])
    assert found.caught
    assert found.absent
    assert found.reproduced[0].says.startswith("seeds 3 and 4 give one order: ")
    # it is no fault of the resume
    assert found.reproduced[0].numbers["resumes"] == 5


def test_an_order_without_the_seed_is_found(monkeypatch, found_in_the_code_that_trains):
    shipped = schedule.generator
    monkeypatch.setattr(schedule, "generator", lambda _, *which: shipped(42, *which))
    assert "seeds 3 and 4 give one order" in found_in_the_code_that_trains(BUG)
