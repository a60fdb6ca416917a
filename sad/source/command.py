"""`sad verify --source`: reads files and folders, and shows what their lines tell."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from sad.errors import UserError
from sad.source.read import read
from sad.source.view import document, lines
from sad_doctor.views.plain import line as safe


def run_source(paths: Sequence[Path], *, as_json: bool) -> int:
    """Show what is seen in the files; return 1 if a line is wrong however it is used, else 0.

    Raises UserError where there is nothing to read.
    """
    reading = read(paths)
    if not reading.files:
        # nothing was seen, for nothing was read
        one, *more = reading.skipped
        raise UserError(f"--source: {one}{f', and {len(more)} more like it' * bool(more)}: no file could be read")
    if as_json:
        sys.stdout.write(document(reading) + "\n")
    else:
        sys.stdout.writelines(f"{safe(one)}\n" for one in lines(reading))
    return int(reading.wrong)
