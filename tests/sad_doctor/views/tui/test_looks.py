"""Pictures of three sizes; after a wanted change of looks: pytest --snapshot-update, then look at each."""

from __future__ import annotations

from dataclasses import replace

import pytest


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (220, 60)], ids=lambda s: f"{s[0]}x{s[1]}")
def test_the_dashboard_looks_as_it_did(make, snap_compare, size):
    app, _ = make.dashboard(make.sick_run(), make.sick_report())
    assert snap_compare(app, terminal_size=size, run_before=make.settled)


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=lambda s: f"{s[0]}x{s[1]}")
def test_facts_that_cannot_be_read_look_as_they_did(make, snap_compare, size):
    told = "the facts in run.json cannot be read: it is no JSON; no rule knows them"
    app, _ = make.dashboard(make.healthy_run(), replace(make.healthy_report(), unread=told))

    async def settled(pilot):
        await make.settled(pilot)
        await pilot.press("4")
        await make.settled(pilot)

    assert snap_compare(app, terminal_size=size, run_before=settled)
