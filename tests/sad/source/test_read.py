"""Files and folders are read, never run; what cannot be read is told."""

from __future__ import annotations

import json

import pytest

from sad.errors import UserError
from sad.source.read import LARGEST, read
from sad.source.rule import Level

FAULTY = (
    "import torch.nn.functional as F\nraise SystemExit\nout = F.kl_div(F.softmax(a, -1), b, reduction='batchmean')\n"
)


def test_a_folder_is_read_and_nothing_is_run(tmp_path):
    (tmp_path / "mine.py").write_text(FAULTY)
    for elsewhere in (".hidden", "site-packages", "env"):
        (tmp_path / elsewhere).mkdir()
        (tmp_path / elsewhere / "theirs.py").write_text(FAULTY)
    (tmp_path / "env" / "pyvenv.cfg").write_text("")
    reading = read([tmp_path])
    assert reading.files == 1
    (place,) = reading.places
    assert (place.line, place.column, place.code, place.level) == (3, 7, "S102", Level.WRONG)
    assert reading.wrong


def test_what_cannot_be_read_is_told_and_the_rest_is_read(tmp_path):
    (tmp_path / "a.py").write_text("print 'x'\n")
    (tmp_path / "b.py").write_bytes(b"\xff\xfe")
    (tmp_path / "c.py").write_text("#" * (LARGEST + 1))
    (tmp_path / "d.py").write_text("x = 1\n")
    (tmp_path / "e.py").write_text("x\0")
    reading = read([tmp_path])
    assert reading.files == 1
    assert not reading.wrong
    assert [one.partition(": ")[0][-4:] for one in reading.skipped] == ["a.py", "b.py", "c.py", "e.py"]


def test_nothing_to_read_is_refused(tmp_path):
    with pytest.raises(UserError, match="there is no file or folder"):
        read([tmp_path / "none.py"])
    with pytest.raises(UserError, match="there is no Python file and no notebook in it"):
        read([tmp_path])


def test_a_notebook_is_read_by_its_cells(tmp_path):
    cells = [
        {"cell_type": "markdown", "source": "# KD"},
        {"cell_type": "code", "source": ["%matplotlib inline\n", "import torch.nn.functional as F"]},
        {"cell_type": "code", "source": "%%bash\nrm -rf /"},
        {"cell_type": "code", "source": "print 'x'"},
        {"cell_type": "code", "source": "x = 1\nout = F.kl_div(F.softmax(a, -1), b, reduction='batchmean')"},
    ]
    (tmp_path / "mine.ipynb").write_text(json.dumps({"cells": cells}))
    (tmp_path / "none.ipynb").write_text("{}")
    reading = read([tmp_path])
    assert reading.files == 1
    (place,) = reading.places
    assert (place.path, place.line, place.code) == (f"{tmp_path / 'mine.ipynb'}: cell 5", 2, "S102")
    broken, none = reading.skipped
    assert broken.startswith(f"{tmp_path / 'mine.ipynb'}: cell 4: ")
    assert none == f'{tmp_path / "none.ipynb"}: no notebook that can be read: it has no list of "cells"'
