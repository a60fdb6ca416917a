"""What is wrong with the records of a cache is named."""

from dataclasses import replace

import pytest
import torch

from sad.cache import bits, layout
from sad.cache.layout import EXACT, Layout
from sad.shipped import records
from sad.shipped.records import check_records

shipped = {
    "plan_parts": records.plan_parts,
    **{name: getattr(Layout, name) for name in ("encode", "decode", "_pack_state", "_unpack_state")},
    **{name: getattr(layout, name) for name in ("to_grid", "from_grid", "pack", "_normalised")},
}


def cut(**change):
    """Parts of which the second is cut otherwise."""

    def made(*of, **how):
        parts = shipped["plan_parts"](*of, **how)
        first, second = parts
        return {first: parts[first], second: replace(parts[second], **change)}

    return made


def another(held_out: bool, **change):
    """Parts of which one is laid out otherwise."""

    def made(*of, **how):
        parts = shipped["plan_parts"](*of, **how)
        name = list(parts)[held_out]
        return parts | {name: replace(parts[name], layout=replace(parts[name].layout, **change))}

    return made


@pytest.mark.parametrize(
    ("owner", "name", "made", "says"),
    [
        (layout, "pack", lambda values, n: shipped["pack"](values[:, ::-1], n), "tokens on disk"),
        (layout, "to_grid", lambda values, n: shipped["to_grid"](values, n) // 2 * 2, "log-probabilities on disk"),
        (layout, "from_grid", lambda places, n: 1.001 * shipped["from_grid"](places, n), "is read|are read"),
        (layout, "_normalised", lambda *of: of, "are read than are on disk"),
        (bits, "LOWEST", 31.0, "on disk"),
        (Layout, "_pack_state", lambda self, state: shipped["_pack_state"](self, state.flip(1)), "state on disk"),
        (Layout, "_unpack_state", lambda self, some: 2 * shipped["_unpack_state"](self, some), "state is read"),
        (layout, "STATE_PEAK", 2.0**9, "state on disk"),
        (records, "plan_parts", another(True, mass=False), "held-out text is kept otherwise"),
        (records, "plan_parts", another(True, bits=8), "held-out bits are few"),
        (records, "plan_parts", another(False, lists=((2.0, 5),)), "training text is kept otherwise|another k"),
        (records, "plan_parts", another(True, lists=((1.0, 9),)), "held-out"),
        (records, "plan_parts", cut(shard_rows=1), "other offsets"),
    ],
)
def test_what_is_wrong_with_a_record_is_named(monkeypatch, owner, name, made, says):
    bits._grid.cache_clear()
    monkeypatch.setattr(owner, name, made)
    with pytest.raises(AssertionError, match=says):
        check_records.__wrapped__()
    monkeypatch.undo()
    bits._grid.cache_clear()


def test_the_right_records_are_not_blamed():
    assert EXACT == records.WHOLE
    check_records.__wrapped__()
    assert not torch.is_grad_enabled() or check_records() is None
