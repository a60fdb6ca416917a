"""Files and folders are read, never run; what cannot be read is told."""

from __future__ import annotations

import pytest

from sad.errors import UserError
from sad.source.read import LARGEST, read
from sad.source.rule import Level

FAULTY = "import torch.nn.functional as F\nraise SystemExit\nout = F.kl_div(F.softmax(a, -1), b, reduction='sum')\n"


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
    with pytest.raises(UserError, match="there is no Python file in it"):
        read([tmp_path])
