"""Memory is told in bytes, of the process that asks."""

from __future__ import annotations

import numpy as np
import psutil

from sad.train.ledger.memory import held
from sad_doctor import names


def test_it_grows_by_what_is_held() -> None:
    before = held("cpu")[names.MEMORY]
    block = np.ones(64 << 20, dtype=np.uint8)
    after = held("cpu")[names.MEMORY]
    assert 60 << 20 < after - before < 80 << 20
    assert block.sum() == 64 << 20
    assert after <= psutil.virtual_memory().total


def test_there_is_no_device_without_one() -> None:
    assert set(held("cpu")) == {names.MEMORY}
