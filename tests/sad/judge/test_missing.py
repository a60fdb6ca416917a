"""Modules that are not installed, and that a loss does not need."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import pytest
import torch

from sad.errors import UserError
from sad.judge.missing import Missing, Placeholder, imported, placeholders
from sad.judge.stand_in import NeedsAdapterError
from sad.judge.target import load

FILE = """
import nosuch_shards.data_parallel as parallel
import wandb_of_nobody
from nosuch_losses import Base, register
from torch.nn.functional import nosuch_function
from nosuch_shards import Config

LEVEL = nosuch_function.level

@register("kd")
class Mine(Base):
    def __init__(self, temperature: Config | None = None):
        super().__init__(temperature, name="mine")

    def forward(self, x):
        return x + 1 if not isinstance(x, parallel.Wrapped) else None

    def sharded(self, x):
        return parallel.gather(x)
"""


def _installed(name: str) -> bool:
    file = getattr(sys.modules.get(name), "__file__", None)
    return name in sys.stdlib_module_names or "-packages" in str(file)


@pytest.fixture(autouse=True)
def forgets_what_stood():
    before = dict(sys.modules), list(sys.path)
    yield
    for name in set(sys.modules) - set(before[0]):
        # what is installed must not be imported a second time: torch's compiler would then know two of its own types
        if type(sys.modules[name]) is not ModuleType or not _installed(name.split(".")[0]):
            del sys.modules[name]
    sys.path[:] = before[1]
    vars(torch.nn.functional).pop("nosuch_function", None)


def test_a_placeholder_stands_for_what_is_not_installed_and_is_told(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(FILE)
    with pytest.raises(UserError, match="needs the module nosuch_shards"):
        load(f"{file}:Mine")
    stood: list[str] = []
    made = load(f"{file}:Mine", stood)()
    assert made(torch.ones(1)) == 2
    assert stood[0] == "nosuch_shards"
    assert "torch.nn.functional.nosuch_function" in stood
    with pytest.raises(NeedsAdapterError, match=r"calls nosuch_shards\.data_parallel\.gather, which is not installed"):
        made.sharded(1)


def test_what_is_its_own_fault_stays_one(tmp_path):
    (tmp_path / "own_neighbour.py").write_text("two = 2\n")
    file = tmp_path / "mine.py"
    file.write_text("from own_neighbour import three\n")
    with pytest.raises(UserError, match="cannot import name 'three'"):
        load(f"{file}:loss", [])
    with pytest.raises(UserError, match="there is no module nosuchmodule"):
        load("nosuchmodule:loss", [])


def test_the_root_of_its_repository_is_looked_into_first(tmp_path):
    (tmp_path / "src" / "own_package").mkdir(parents=True)
    (tmp_path / "src" / "own_package" / "__init__.py").write_text("three = 3\n")
    (tmp_path / "train").mkdir()
    file = tmp_path / "train" / "mine.py"
    file.write_text("from own_package import three\ndef loss():\n    return three\n")
    assert load(f"{file}:loss", [])() == 3


def test_a_package_of_folders_alone_is_found_above(tmp_path):
    (tmp_path / "own_folders" / "parts").mkdir(parents=True)
    (tmp_path / "own_folders" / "parts" / "four.py").write_text("four = 4\n")
    (tmp_path / "train").mkdir()
    file = tmp_path / "train" / "mine.py"
    file.write_text("from own_folders.parts.four import four\ndef loss():\n    return four\n")
    assert load(f"{file}:loss", [])() == 4


def test_what_only_logs_may_be_called():
    assert Placeholder("wandb.log")({"loss": 1}) is None
    assert Placeholder("fairseq.utils.item")(torch.tensor(2.5)) == 2.5
    with pytest.raises(NeedsAdapterError, match=r"it calls fairseq\.utils\.item, which is not installed here"):
        Placeholder("fairseq.utils.item")("a word")
    assert not isinstance(1, Placeholder("a.B"))
    assert list(Missing("a").b) == []


def test_a_placeholder_is_an_annotation_and_has_parts_that_are_told_by_their_whole_name():
    one = Placeholder("a.B")
    assert [one | None, None | one] == [Any, Any]
    assert one["x"] is one
    with pytest.raises(NeedsAdapterError, match=r"it calls a\.B\.c, which is not installed here"):
        one.c()
    with pytest.raises(AttributeError):
        _ = one.__wrapped__


def test_imports_end(monkeypatch):
    monkeypatch.setattr("sad.judge.missing.TRIES", 2)
    left = iter(f"nosuch_{n}" for n in range(9))

    def never():
        raise ModuleNotFoundError(name=next(left))

    with pytest.raises(ModuleNotFoundError):
        imported(never, "mine.py")
    assert not Placeholder.loading


def test_a_progress_bar_goes_through_what_it_is_given():
    assert list(Placeholder("tqdm.auto.tqdm")([1, 2], total=2)) == [1, 2]
    assert Placeholder("wandb.log")({"loss": 1}) is None


def test_what_stands_for_something_is_told():
    assert placeholders(["a", "a.b"]) == ["not installed here, a placeholder stands for it: a, a.b"]
    assert placeholders([]) == []


def test_as_many_as_are_unpacked_come_of_a_placeholder(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(
        "from nosuch_imports import safe, Trainer\nfirst, second = safe('a')\ndel Trainer.__init__\n"
        "Trainer.step = None\ndef loss():\n    return second\n"
    )
    second = load(f"{file}:loss", [])()
    assert isinstance(second, Placeholder)
    assert list(second) == []


def test_an_installed_package_that_lacks_another_has_a_placeholder(tmp_path):
    package = tmp_path / "site-packages" / "half_installed"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("raise ImportError('it needs another one')\n")
    sys.path.insert(0, str(package.parent))
    file = tmp_path / "mine.py"
    file.write_text("from half_installed import Writer\ndef loss():\n    return 1\n")
    stood: list[str] = []
    assert load(f"{file}:loss", stood)() == 1
    assert stood == ["half_installed"]
    (tmp_path / "own_half.py").write_text("raise ImportError('its own')\n")
    file.write_text("import own_half\n")
    del sys.modules["judged_mine"]
    with pytest.raises(UserError, match="ImportError: its own"):
        load(f"{file}:loss", [])


def test_an_error_in_words_of_its_own_says_what_is_not_installed_too(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(
        "try:\n    import nosuch_precision\nexcept ImportError as e:\n    raise ImportError('install it') from e\n"
        "def loss():\n    return 1\n"
    )
    stood: list[str] = []
    assert load(f"{file}:loss", stood)() == 1
    assert stood == ["nosuch_precision"]


def test_a_name_that_is_imported_under_a_condition_has_a_placeholder(tmp_path, monkeypatch):
    monkeypatch.setattr("builtins.NoSuchConfig", None, raising=False)
    monkeypatch.delattr("builtins.NoSuchConfig")
    file = tmp_path / "mine.py"
    file.write_text(
        "if False:\n    from nosuch_adapters import NoSuchConfig\n    from json import loads\n"
        "def loss(config: NoSuchConfig | None = None):\n    return 1\n"
    )
    stood: list[str] = []
    assert load(f"{file}:loss", stood)() == 1
    assert stood == ["nosuch_adapters.NoSuchConfig"]
    for name in ("loads", "of_nobody"):
        file.write_text(f"if False:\n    from json import loads\n{name}('1')\n")
        sys.modules.pop("judged_mine", None)
        with pytest.raises(UserError, match=f"NameError: name '{name}' is not defined"):
            load(f"{file}:loss", [])


def test_an_optimizer_that_transformers_had_is_that_of_torch(tmp_path):
    text = (
        "from transformers import AdamW\n\ndef make(weights):\n    return AdamW(weights, lr=0.5, correct_bias=False)\n"
    )
    (tmp_path / "asks_for_the_old_one.py").write_text(text)
    stood: list[str] = []
    made = load(f"{tmp_path}/asks_for_the_old_one.py:make", stood)([torch.nn.Parameter(torch.ones(2))])
    assert stood == ["transformers.AdamW (torch's)"]
    group = made.param_groups[0]
    assert (type(made), group["lr"], group["eps"], group["weight_decay"]) == (torch.optim.AdamW, 0.5, 1e-6, 0.0)


def test_a_setting_of_a_module_that_is_not_there_has_no_number(monkeypatch):
    setting = Placeholder("project_settings.TEMPERATURE")
    uses = (lambda: torch.ones(2) / setting, lambda: 2 * setting, lambda: setting > 0, lambda: float(setting))
    for use in uses:
        with pytest.raises(
            NeedsAdapterError, match=r"reads project_settings\.TEMPERATURE, which is not installed here"
        ):
            use()
    monkeypatch.setattr(Placeholder, "loading", True)
    assert isinstance(2 * setting, Placeholder)


def test_a_neighbour_that_cannot_be_read_has_a_placeholder(tmp_path):
    package = tmp_path / "unreadable_package"
    package.mkdir()
    (package / "__init__.py").write_text("from .odd import helper\n")
    (package / "odd.py").write_text("def helper(:\n")
    (package / "mine.py").write_text("import unreadable_alone\nfrom .odd import helper\n\ndef loss():\n    return 3\n")
    (tmp_path / "unreadable_alone.py").write_text("x = = 1\n")
    stood: list[str] = []
    assert load(f"{package}/mine.py:loss", stood)() == 3
    assert set(stood) == {"unreadable_package.odd", "unreadable_alone"}
    # the file that is judged must be mended
    (package / "itself.py").write_text("def helper(:\n")
    with pytest.raises(UserError, match=r"itself\.py:1: SyntaxError"):
        load(f"{package}/itself.py:helper", [])


def test_a_sentence_is_no_name_of_a_module(tmp_path):
    text = (
        "from importlib.metadata import PackageNotFoundError\n"
        "try:\n    raise PackageNotFoundError('needs a tool of nobody, version 2')\n"
        "except PackageNotFoundError:\n    from torch.nn.functional import nosuch_function\n"
        "def loss():\n    return 3\n"
    )
    (tmp_path / "asks_in_words.py").write_text(text)
    stood: list[str] = []
    assert load(f"{tmp_path}/asks_in_words.py:loss", stood)() == 3
    assert stood == ["torch.nn.functional.nosuch_function"]
