from sad.invariants.step_accounting import WINDOWS, Taken, step_accounting


def test_every_window_a_step_holds():
    verdict = step_accounting(lambda _: Taken(WINDOWS, WINDOWS, True))
    assert verdict.holds
    assert verdict.says == "27 of 27 steps"


def test_one_accumulation_without_steps_breaks_it_and_is_named():
    verdict = step_accounting(lambda a: Taken(0 if a == 8 else WINDOWS, WINDOWS, a != 8))
    assert not verdict.holds
    assert verdict.says.endswith("wrong at accumulation 8")


def test_steps_that_move_nothing_break_it():
    assert not step_accounting(lambda _: Taken(WINDOWS, WINDOWS, False)).holds


def test_a_step_too_many_breaks_it():
    assert not step_accounting(lambda a: Taken(WINDOWS + (a == 1), WINDOWS, True)).holds
