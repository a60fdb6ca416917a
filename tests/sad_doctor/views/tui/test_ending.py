from __future__ import annotations

import asyncio
import os
import signal
import sys

import pytest

from sad_doctor.views.tui.ending import Ending

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM that a program can hear")


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


def test_sigterm_before_the_event_loop_listens_ends_with_143() -> None:
    kept = {one: signal.signal(one, signal.SIG_DFL) for one in (signal.SIGTERM, signal.SIGCONT)}

    def told() -> None:
        with Ending().heard():
            # the end of the process where nobody hears it
            assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
            signal.raise_signal(signal.SIGTERM)

    try:
        with pytest.raises(SystemExit) as end:
            told()
        assert end.value.code == 143
        assert [signal.getsignal(one) for one in kept] == [signal.SIG_DFL] * 2
    finally:
        for one, handler in kept.items():
            signal.signal(one, handler)


def test_a_user_who_leaves_ends_it_as_ever() -> None:
    ending = Ending()
    with ending.heard():
        asyncio.run(asyncio.sleep(0))
    assert not ending.told
