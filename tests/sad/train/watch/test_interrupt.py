"""The first signal is noted, a second Ctrl-C stops at once, and afterwards signals mean what they meant."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from sad.train.watch.interrupt import ECHO, Interrupt, Unheard


def send(number: int) -> None:
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_is_only_noted(number: int) -> None:
    with Interrupt() as interrupt:
        assert interrupt.signal is None
        send(number)
        assert interrupt.signal == number


def test_a_second_ctrl_c_stops_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with Interrupt() as interrupt:
        send(signal.SIGTERM)
        with pytest.raises(KeyboardInterrupt):
            send(signal.SIGINT)
        # the exit code is that of the first
        assert interrupt.signal == signal.SIGTERM


def test_a_ctrl_c_that_a_launcher_hands_on_is_the_same_one(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    monkeypatch.setenv("WORLD_SIZE", "2")
    with Interrupt() as interrupt:
        send(signal.SIGINT)
        send(signal.SIGINT)
        assert interrupt.signal == signal.SIGINT
        now[0] += ECHO + 1
        with pytest.raises(KeyboardInterrupt):
            send(signal.SIGINT)


def test_a_second_sigterm_waits_for_the_step() -> None:
    with Interrupt() as interrupt:
        send(signal.SIGINT)
        send(signal.SIGTERM)
        assert interrupt.signal == signal.SIGTERM


def test_afterwards_signals_mean_what_they_meant() -> None:
    seen: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _frame: seen.append(number))
    try:
        with pytest.raises(ValueError, match="inside"), Interrupt():
            raise ValueError("inside")
        send(signal.SIGTERM)
        assert seen == [signal.SIGTERM]
    finally:
        signal.signal(signal.SIGTERM, before)
    with pytest.raises(KeyboardInterrupt):
        send(signal.SIGINT)


def test_outside_the_main_thread_there_is_nothing_to_catch() -> None:
    found: list[int | None] = []

    def work() -> None:
        with Interrupt() as interrupt:
            found.append(interrupt.signal)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [None]


def test_one_that_is_judged_hears_nothing() -> None:
    with pytest.raises(KeyboardInterrupt), Unheard() as interrupt:
        send(signal.SIGINT)
    assert interrupt.signal is None
