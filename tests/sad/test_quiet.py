import os
import subprocess
import sys
from pathlib import Path

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


def test_without_it_the_library_shows_a_bar():
    assert "Writing model shards" in said("")
