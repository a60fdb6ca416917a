from sad.bugs.loader_has_a_constant_seed import BUG, _prepared, _Sampler
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


def test_one_process_has_the_users_seed_and_several_draw_one_order():
    orders = [_prepared(_Sampler(9, seed), processes).order(1) for processes in (1, 2) for seed in (3, 4)]
    assert orders[0] != orders[1]
    assert orders[2] == orders[3]
