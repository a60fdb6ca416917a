import os
import subprocess
import sys
from pathlib import Path

import datasets
import pytest

from sad.quiet import without_bars

ROOT = Path(__file__).resolve().parents[2]
SAVE = """
import tempfile
{quiet}
from sad import tiny
model = tiny.model(300, layers=1, width=16, seed=0)
with tempfile.TemporaryDirectory() as folder:
    model.save_pretrained(folder)
"""


def said(quiet):
    code = SAVE.format(quiet=quiet)
    # other tests may have silenced the libraries of this process, by its environment
    loud = {name: value for name, value in os.environ.items() if not name.startswith("HF_HUB_DISABLE")}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True, env=loud)
    return done.stdout + done.stderr


def test_saving_a_model_says_nothing():
    assert said("from sad.quiet import quiet_libraries; quiet_libraries()") == ""


def test_bars_are_hidden_for_a_while_only():
    from transformers.utils import logging

    before = logging.is_progress_bar_enabled(), datasets.are_progress_bars_disabled()
    try:
        for shown in (True, False):
            (logging.enable_progress_bar if shown else logging.disable_progress_bar)()
            (datasets.enable_progress_bars if shown else datasets.disable_progress_bars)()
            with without_bars():
                assert (logging.is_progress_bar_enabled(), datasets.are_progress_bars_disabled()) == (False, True)
            assert (logging.is_progress_bar_enabled(), datasets.are_progress_bars_disabled()) == (shown, not shown)
    finally:
        (logging.enable_progress_bar if before[0] else logging.disable_progress_bar)()
        (datasets.disable_progress_bars if before[1] else datasets.enable_progress_bars)()


@pytest.mark.thorough
def test_without_it_the_library_shows_a_bar():
    assert "Writing model shards" in said("")
