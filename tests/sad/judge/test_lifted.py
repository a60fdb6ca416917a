from __future__ import annotations

import pytest

from sad.errors import UserError
from sad.judge.lifted import because, defines, is_program, left_out
from sad.judge.missing import Placeholder
from sad.judge.target import load, owner

SCRIPT = """
import argparse
from dataclasses import dataclass

import not_installed_for_the_script

SIZE = 4
args = argparse.ArgumentParser().parse_args()
print("it ran")


@dataclass
class Config:
    size: int = SIZE


def loss(x):
    return x * Config().size


for step in range(3):
    total = loss(step).backward()
"""
NESTED = """
scale = 3


def main(scale):
    def inner(x):
        return x * 2

    def outer(x):
        return inner(x) + 1

    return outer(scale)
"""


def test_of_a_script_the_definitions_alone_are_run(tmp_path, capsys):
    file = tmp_path / "script.py"
    file.write_text(SCRIPT)
    stood: list[str] = []
    loss = load(f"{file}:loss", stood)
    assert loss(2) == 8
    assert stood == ["not_installed_for_the_script"]
    assert owner(f"{file}:loss") is None
    assert because(loss) == [
        "of its file only imports, definitions and constants were run: it is a program, which would "
        "run where it is imported"
    ]
    assert capsys.readouterr().out == ""


def test_a_file_whose_import_raises_is_lifted_where_it_has_what_is_asked(tmp_path):
    file = tmp_path / "raises.py"
    file.write_text("def loss(x):\n    return x\n\n\n1 / 0\n")
    with pytest.raises(UserError, match=r"raises.py cannot be imported: raises.py:5: ZeroDivisionError"):
        load(f"{file}:other", [])
    assert because(load(f"{file}:loss", [])) == [
        "of its file only imports, definitions and constants were run: importing all of it raises ZeroDivisionError: "
        "division by zero"
    ]


def test_a_module_that_is_imported_by_a_call_is_there_and_what_is_left_out_is_known(tmp_path):
    file = tmp_path / "late.py"
    file.write_text('json = LazyImport("json")\nother = made()\n\n\ndef loss():\n    return json.dumps(1)\n\n\n1 / 0\n')
    loss = load(f"{file}:loss", [])
    assert loss() == "1"
    assert left_out(loss, "other")
    assert not left_out(loss, "nosuch")
    assert not left_out(left_out, "other")


def test_a_package_that_refuses_to_be_imported_is_passed_by(tmp_path):
    package = tmp_path / "refusing" / "inner"
    package.mkdir(parents=True)
    (package.parent / "__init__.py").write_text("raise ImportError('needs a GPU')\n")
    (package / "__init__.py").touch()
    (package.parent / "base.py").write_text("three = 3\n")
    (package / "strict.py").write_text("raise ValueError\n")
    (package / "loss.py").write_text("from ..base import three\nfrom .strict import four\n\ndef loss(): return three\n")
    loss = load(f"{package / 'loss.py'}:loss", [])
    assert loss() == 3
    assert "four" in loss.__globals__


def test_a_function_inside_another_is_named_by_both(tmp_path):
    file = tmp_path / "nested.py"
    file.write_text(NESTED)
    outer = load(f"{file}:main.outer", [])
    assert outer(2) == 5
    # a variable of the outer function is not the module's of that name
    assert "scale" not in outer.__globals__
    with pytest.raises(UserError, match="main has no nosuch"):
        load(f"{file}:main.nosuch", [])
    other = tmp_path / "table.py"
    other.write_text("table = {}\n")
    with pytest.raises(UserError, match="has no nosuch"):
        load(f"{other}:table.nosuch", [])


def test_what_a_program_is():
    assert is_program("model = AutoModel.from_pretrained('x')")
    assert not is_program("if __name__ == '__main__':\n    args = parse_args()\n")
    assert not is_program("def main():\n    return parse_args()\n")
    assert not is_program("def (")
    assert defines("try:\n    import a\nexcept ImportError:\n    a = None\nclass A: ...", "A")
    assert not defines("a = 1", "a")


def test_a_type_that_is_made_by_a_call_is_a_definition(tmp_path):
    file = tmp_path / "raises_late.py"
    file.write_text(
        "from collections import namedtuple\nPair = namedtuple('Pair', ['one', 'two'])\n"
        "def loss(pair=Pair(1, 2)):\n    return pair.two\n\nundefined.register(loss)\n"
    )
    assert load(f"{file}:loss", [])() == 2


def test_a_neighbour_that_raises_is_there_with_its_definitions(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "raising_neighbour.py").write_text(
        "import torch\n\nOPS = torch.ops.nobody.has_this\n\n\ndef half(x):\n    return x / 2\n", encoding="utf-8"
    )
    file = tmp_path / "beside_it.py"
    file.write_text("from raising_neighbour import half\n\n\ndef loss(x):\n    return half(x)\n", encoding="utf-8")
    assert load(f"{file}:loss", [])(3) == 1.5


def test_what_a_neighbour_lacks_is_a_placeholder(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "empty_neighbour.py").write_text("1 / 0\n", encoding="utf-8")
    file = tmp_path / "beside_nothing.py"
    file.write_text("from empty_neighbour import half\n\n\ndef loss(x):\n    return x\n", encoding="utf-8")
    module = load(f"{file}:loss", []).__globals__
    assert isinstance(module["half"], Placeholder)


def test_a_class_that_a_decorator_of_another_release_refuses_is_there_without_it(tmp_path):
    file = tmp_path / "decorated.py"
    file.write_text(
        "import functools\n\n\ndef documented(**named):\n    raise TypeError('other arguments')\n\n\n"
        "class Model:\n    @documented(old=1)\n    def loss(self, x):\n        return x\n\n"
        "    @staticmethod\n    def plain(x):\n        return x\n\n\nraise RuntimeError\n",
        encoding="utf-8",
    )
    model = load(f"{file}:Model", [])
    assert (model().loss(3), model.plain(4)) == (3, 4)
