"""The plain loop in pieces, stopped and taken up."""

from __future__ import annotations

import torch

from sad.invariants.pieces_make_the_whole import PIECES, WHOLE
from sad.subjects.plain.fsdp_run import FsdpRun


def test_one_process_takes_up_what_two_have_saved() -> None:
    loop = FsdpRun()
    whole = loop.run(WHOLE)
    (ran,) = loop.taken_up(PIECES, 3, [WHOLE])
    assert (len(whole.taken), len(ran.taken), [line.step for line in ran.log]) == (4, 1, [4])
    torch.testing.assert_close(ran.taken[0].change, whole.taken[3].change)
    torch.testing.assert_close(dict(ran.saved), dict(whole.saved))
    # and is a whole run again
    assert len(loop.run(WHOLE).taken) == 4
