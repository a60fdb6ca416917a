from __future__ import annotations

import asyncio
import os
import signal
import sys

import pytest

from sad_doctor.views.tui.ending import Ending

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM that a program can hear")


@pytest.fixture
def unheard():
    """Nobody hears the signals, as in a process of its own."""
    kept = {one: signal.signal(one, signal.SIG_DFL) for one in (signal.SIGTERM, signal.SIGCONT)}
    yield
    for one, handler in kept.items():
        signal.signal(one, handler)


def test_sigterm_leaves_once_and_ends_with_143() -> None:
    ending, left = Ending(), []
    before = {one: signal.getsignal(one) for one in (signal.SIGTERM, signal.SIGCONT)}

    async def run() -> None:
        ending.listen(lambda: left.append("left"))
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.sleep(0.05)
        assert signal.getsignal(signal.SIGCONT) is signal.SIG_IGN

    with pytest.raises(SystemExit) as end, ending.heard():
        asyncio.run(run())
    assert end.value.code == 143
    assert left == ["left"]
    assert {one: signal.getsignal(one) for one in before} == before


@pytest.mark.usefixtures("unheard")
def test_sigterm_before_the_event_loop_listens_ends_with_143() -> None:
    def told() -> None:
        with Ending().heard():
            # the end of the process where nobody hears it
            assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
            signal.raise_signal(signal.SIGTERM)

    with pytest.raises(SystemExit) as end:
        told()
    assert end.value.code == 143
    assert [signal.getsignal(one) for one in (signal.SIGTERM, signal.SIGCONT)] == [signal.SIG_DFL] * 2


@pytest.mark.parametrize("before", [signal.SIG_DFL, lambda *_: pytest.fail("the command's own hears it")])
@pytest.mark.usefixtures("unheard")
def test_sigterm_after_the_first_screen_and_before_anybody_listens_leaves_without_an_exception_in_the_loop(before):
    signal.signal(signal.SIGTERM, before)
    ending, left, went_on = Ending(), [], []

    async def run() -> None:
        signal.raise_signal(signal.SIGTERM)
        went_on.append(True)
        ending.listen(lambda: left.append("left"))

    with pytest.raises(SystemExit) as end, ending.heard():
        asyncio.run(run())
    assert end.value.code == 143
    assert (left, went_on) == (["left"], [True])


@pytest.mark.usefixtures("unheard")
def test_sigterm_that_is_said_twice_waits_for_nobody_who_listens() -> None:
    def told() -> None:
        with Ending().heard():
            signal.raise_signal(signal.SIGTERM)
            signal.raise_signal(signal.SIGTERM)
            pytest.fail("it goes on")

    with pytest.raises(SystemExit) as end:
        told()
    assert end.value.code == 143


def test_a_user_who_leaves_ends_it_as_ever() -> None:
    ending = Ending()
    with ending.heard():
        asyncio.run(asyncio.sleep(0))
    assert not ending.told
