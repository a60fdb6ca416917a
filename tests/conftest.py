"""One thread, no network, caches of our own; the slow things that several tests share. Imports nothing heavy itself."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings

# read by the libraries when they are imported
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_DATASETS_CACHE"] = str(Path(tempfile.gettempdir()) / f"sad-tests-datasets-{os.getuid()}")
os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ.setdefault("OMP_NUM_THREADS", "1")

# the same examples every time, and no deadline: a busy machine is not a fault of the code
settings.register_profile(
    "sad", deadline=None, derandomize=True, max_examples=40, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("sad")
