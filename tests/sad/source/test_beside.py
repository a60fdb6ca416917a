"""Of a named piece its own lines are read, and those of what it uses in the same file."""

from __future__ import annotations

import pytest

from sad.source.beside import of_target

TEXT = """import torch.nn.functional as F

def other(a, b):
    return F.kl_div(F.softmax(a, -1), b, reduction="sum")

def helper(a, b):
    return F.kl_div(F.softmax(a, -1), b, reduction="sum")

class A:
    def loss(self, a, b):
        return helper(a, b)

def kd(a, b):
    return A().loss(a, b)
"""


@pytest.mark.parametrize(("name", "lines"), [("kd", [7]), ("A.loss", [7]), ("other", [4]), ("none", [])])
def test_of_a_file_what_the_piece_uses_is_told(tmp_path, monkeypatch, name, lines):
    (tmp_path / "mine.py").write_text(TEXT)
    assert [one.line for one in of_target(str(tmp_path / "mine.py"), name)] == lines
    monkeypatch.syspath_prepend(tmp_path)
    assert [one.line for one in of_target("mine", name)] == lines


def test_what_cannot_be_found_or_read_tells_nothing(tmp_path):
    (tmp_path / "mine.py").write_text("print 'x'\n")
    assert of_target(str(tmp_path / "mine.py"), "kd") == of_target("no.such.module", "kd") == []
    assert of_target(str(tmp_path / "none.py"), "kd") == []
