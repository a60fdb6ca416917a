from __future__ import annotations

import pytest

from sad.errors import UserError
from sad.judge.target import UnloadableError, load, owner, said, split


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


def test_what_is_missing_is_told_and_what_raises_is_another_thing(tmp_path):
    with pytest.raises(UserError, match="there is no module nosuchmodule"):
        load("nosuchmodule:loss")
    with pytest.raises(UserError, match="there is no file"):
        load("no/such/file.py:loss")
    file = tmp_path / "wrong.py"
    file.write_text("1 / 0\n")
    with pytest.raises(UnloadableError, match="ZeroDivisionError"):
        load(f"{file}:loss")
    file.write_text("import nosuchmodule\n")
    with pytest.raises(UserError, match="install it"):
        load(f"{file}:loss")


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
