"""The training loop on a stream: the adaptor reads it as it comes, and what such a run gets wrong is named."""

import pytest

from sad.data import pools, stream
from sad.data.pools import Pools
from sad.invariants.resume_equivalence import SETTING, resume_equivalence
from sad.shipped.streaming import streamed_resumable
from sad.train.batches import supply


def test_a_stream_is_read_while_the_run_goes_on(monkeypatch):
    known = []

    def lack(self, until, shipped=supply.Supply.lack):
        known.append(self._plan.train.size)
        return shipped(self, until)

    monkeypatch.setattr(supply.Supply, "lack", lack)
    ran = streamed_resumable().run(SETTING, None, ())
    assert known[-1] == SETTING.size
    assert [len(step.samples) for step in ran.taken] == [4, 3, 4, 3, 4, 3]
    # the constants are those of the code again
    assert (pools.FIRST, pools.POOL, stream.OPEN) == (8, 64, 32)


@pytest.mark.parametrize(
    ("owner", "name", "made", "says"),
    [
        (Pools, "_of_pool", lambda self, epoch, *at: shipped_pool(self, epoch, *at)[::-1].clip(0, 2), "takes"),
        (Pools, "key", lambda *_: "any", "it goes on with less data than it began with"),
    ],
)
def test_what_a_wrong_stream_does_is_named(monkeypatch, owner, name, made, says):
    monkeypatch.setattr(owner, name, made)
    verdict = resume_equivalence(streamed_resumable())
    assert not verdict.holds
    assert says in verdict.says


shipped_pool = Pools._of_pool
