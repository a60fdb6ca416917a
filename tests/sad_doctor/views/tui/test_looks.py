"""Pictures of three sizes; after a wanted change of looks: pytest --snapshot-update, then look at each."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (220, 60)], ids=lambda s: f"{s[0]}x{s[1]}")
def test_the_dashboard_looks_as_it_did(make, snap_compare, size):
    app, _ = make.dashboard(make.sick_run(), make.sick_report())
    assert snap_compare(app, terminal_size=size, run_before=make.settled)
