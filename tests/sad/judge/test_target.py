from __future__ import annotations

import sys
from pathlib import Path

import pytest

from sad.errors import UserError
from sad.judge.target import load, owner, said, split


def test_the_forms_of_a_target():
    assert split("a.b:c.d") == ("a.b", "c.d")
    for wrong in ("a.b", ":c", "a:"):
        with pytest.raises(UserError, match=r"package\.module:function"):
            split(wrong)


def test_a_function_a_class_a_method_and_a_file(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(
        "from helper import two\nclass A:\n    @staticmethod\n    def loss(x): return two\n    def kl(self): ...\n"
        "def kd_loss(): ...\n"
    )
    (tmp_path / "helper.py").write_text("two = 2\n")
    assert load(f"{file}:A.loss")(1) == 2
    assert owner(f"{file}:A.loss").__name__ == "A"
    assert owner(f"{file}:kd_loss") is None
    assert load("sad.judge.target:split") is split
    with pytest.raises(UserError, match="it has kd_loss"):
        load(f"{file}:kd_los")


def test_a_file_of_a_package_imports_its_neighbours_by_dots(tmp_path):
    package = tmp_path / "judged_package" / "inner"
    package.mkdir(parents=True)
    for folder in (package, package.parent):
        (folder / "__init__.py").touch()
    (package.parent / "base.py").write_text("three = 3\n")
    (package / "loss.py").write_text("from ..base import three\ndef loss(): return three\n")
    assert load(f"{package / 'loss.py'}:loss")() == 3


def test_a_place_that_cannot_be_looked_at_is_told(monkeypatch):
    def shut(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "is_file", shut)
    with pytest.raises(UserError, match=r"shut/x\.py cannot be read: Permission denied"):
        load("shut/x.py:loss")


def test_what_is_missing_is_told_and_what_raises_is_another_thing(tmp_path):
    with pytest.raises(UserError, match="there is no module nosuchmodule"):
        load("nosuchmodule:loss")
    with pytest.raises(UserError, match="there is no file"):
        load("no/such/file.py:loss")
    (tmp_path / "notes.txt").touch()
    with pytest.raises(UserError, match=r"notes\.txt is no Python file"):
        load(f"{tmp_path / 'notes.txt'}:loss")
    file = tmp_path / "wrong.py"
    for text, told in (
        ("1 / 0\n", r"wrong.py cannot be imported: wrong.py:1: ZeroDivisionError: division by zero: mend it"),
        ("\ndef f(:\n", r"wrong.py cannot be imported: wrong.py:2: SyntaxError: invalid syntax: mend it first"),
        ("import sys\nsys.exit(3)\n", r"ends the program \(exit code 3\): put what runs behind if __name__"),
        ("import nosuchmodule\n", r"importing .*wrong.py needs the module nosuchmodule: install it"),
        ("from json import nosuch\n", r"wrong.py:1: ImportError: cannot import name 'nosuch' from 'json'"),
    ):
        file.write_text(text)
        with pytest.raises(UserError, match=told):
            load(f"{file}:loss")


def test_a_name_that_is_missing_is_told_with_the_file_and_what_is_there(tmp_path):
    file = tmp_path / "names.py"
    for text, told in (
        ("from json import loads\ndef one(): ...\ndef two(): ...\n", "names.py has no f; it has one, two"),
        ("x = 1\n", "names.py has no f; it defines no function and no class"),
        ("def kd_loss(): ...\ndef other(): ...\n", "names.py has no f; it has kd_loss"),
    ):
        file.write_text(text)
        with pytest.raises(UserError, match=f"{told}$"):
            load(f"{file}:f")
        # what was imported stays
        del sys.modules["judged_names"]


def test_said_is_one_line():
    assert said(ValueError("a\nb")) == "ValueError: a"
    assert said(ValueError()) == "ValueError"


def test_a_folder_without_init_may_import_by_dots(tmp_path):
    folder = tmp_path / "criterions"
    folder.mkdir()
    (folder / "base.py").write_text("two = 2\n")
    file = folder / "mine.py"
    file.write_text("from .base import two\ndef kd_loss(): return two\n")
    assert load(f"{file}:kd_loss")() == 2


def test_a_folder_without_init_may_import_from_the_folders_above(tmp_path):
    folder = tmp_path / "trainers" / "kd"
    folder.mkdir(parents=True)
    (tmp_path / "trainers" / "base_of_kd.py").write_text("two = 2\n")
    file = folder / "mine_above.py"
    file.write_text("from ..base_of_kd import two\ndef kd_loss(): return two\n")
    assert load(f"{file}:kd_loss")() == 2


def test_the_dots_of_a_neighbour_may_lead_higher(tmp_path):
    folder = tmp_path / "above_all" / "losses"
    folder.mkdir(parents=True)
    (tmp_path / "above_all" / "base_of_all.py").write_text("two = 2\n")
    (folder / "__init__.py").touch()
    (folder / "neighbour.py").write_text("from ..base_of_all import two\n")
    file = folder / "mine_with_a_neighbour.py"
    file.write_text("from .neighbour import two\ndef kd_loss(): return two\n")
    assert load(f"{file}:kd_loss")() == 2
