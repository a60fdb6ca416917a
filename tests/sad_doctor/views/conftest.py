from pathlib import Path

import pytest


@pytest.fixture
def fixtures():
    return Path(__file__).resolve().parents[3] / "fixtures" / "runs"
