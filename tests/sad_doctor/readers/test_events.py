from sad_doctor import names
from sad_doctor.readers import events
from sad_doctor.readers.events import Events


def test_events_keep_their_order_and_are_clean():
    held = Events()
    held.add("warning", "  a \x1b[31mred\x1b[0m word\x07 ", 3.0, 5.0)
    held.add("crash", "b")
    first, second = held.snapshot()
    assert (first.kind, first.message, first.step, first.time) == ("warning", "a red word\ufffd", 3.0, 5.0)
    assert second.kind == "crash"


def test_of_a_kind_that_comes_too_often_the_first_and_the_last_are_kept(monkeypatch):
    monkeypatch.setattr(events, "MOST_OF_A_KIND", 3)
    held = Events()
    for index in range(10):
        held.add(names.EVENT_WARNING, str(index))
    held.add(names.EVENT_CRASH, "end")
    assert [event.message for event in held.snapshot()] == ["0", "1", "9", "end"]
    assert held.notes == ("10 events of kind warning: the first 2 and the last are kept",)


def test_an_event_can_be_reworded():
    held = Events()
    place = held.add(names.EVENT_CRASH, "ValueError", 3.0)
    held.reword(place, names.EVENT_WARNING, "caught: ValueError")
    assert held.snapshot()[0].kind == names.EVENT_WARNING
    assert held.snapshot()[0].step == 3.0
