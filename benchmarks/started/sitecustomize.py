"""Imported by a Python that an audit by deletion starts: it marks what that audit marks."""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
try:
    from marked import VARIABLE, follow
finally:
    del sys.path[0]

if given := os.environ.get(VARIABLE):
    follow(given)
