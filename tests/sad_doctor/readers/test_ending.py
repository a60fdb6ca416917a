import pytest

from sad_doctor.readers.ending import Ending
from sad_doctor.readers.events import Events


def kinds(ending: Ending) -> list[tuple[str, str]]:
    return [(event.kind, event.message) for event in ending.with_open(None, None)[0]]


def test_an_error_that_is_told_twice_is_one_crash():
    ending = Ending(Events())
    ending.crash("no", 7)
    ending.crash("ValueError: no", 7)

    assert kinds(ending) == [("crash", "ValueError: no")]
    assert ending.status == "crashed"


def test_one_that_the_training_outlived_was_caught():
    ending = Ending(Events())
    ending.crash("ValueError: no", 7)
    ending.outlived()

    assert kinds(ending) == [("warning", "caught: ValueError: no")]
    assert ending.status == "unknown"


def test_the_last_word_counts():
    ending = Ending(Events())
    ending.early_stop("stopping", 7)
    assert ending.status == "finished"
    ending.crash("KeyboardInterrupt", 7)
    assert ending.status == "interrupted"
    ending.finish()
    assert ending.status == "finished"


@pytest.mark.parametrize(("error", "status"), [("KeyboardInterrupt", "interrupted"), ("ValueError: a", "crashed")])
def test_an_open_traceback_counts_as_the_end_but_is_not_kept(error, status):
    ending = Ending(Events())
    events, said = ending.with_open(error, 7)

    assert (events[-1].message, events[-1].step, said) == (error, 7, status)
    assert kinds(ending) == []
