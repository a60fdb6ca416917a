"""What a program says of its settings is found, by the class of a parameter or by its command line."""

import inspect
from dataclasses import dataclass, field
from types import ModuleType

from sad.judge.declared import declared, is_section, members
from sad.judge.target import load


@dataclass
class Inner:
    workers: int = 3


@dataclass
class RunConfig:
    rate: float
    layers: tuple[int, ...] = (1, 2)
    use_cache: bool = True
    inner: Inner = field(default_factory=Inner)
    Name: str = "x"


def annotated(model, config: "RunConfig"): ...


def optional(config: RunConfig | None, other: int, args): ...


def _of(function, name):
    return declared(inspect.signature(function).parameters[name], function)


def test_the_class_of_a_parameter_says_what_its_settings_are():
    for found in (_of(annotated, "config"), _of(optional, "config"), _of(optional, "args")):
        assert (found["layers"], found["name"], found["inner"].workers) == ((1, 2), "x", 3)
        # a switch stays off, and a rate that nobody sets is not known
        assert not {"use_cache", "rate"} & set(found)
    assert is_section(members(RunConfig)["inner"])
    assert not is_section(members(RunConfig)["layers"])
    assert members(members(RunConfig)["inner"]) == {"workers": 3}


def test_a_command_line_says_what_its_settings_are(tmp_path):
    lines = [
        "import argparse",
        "def train(args, model): ...",
        "def main():",
        "    parser = argparse.ArgumentParser()",
        "    parser.add_argument('-n', '--num-workers', type=int, default=4)",
        "    parser.add_argument('--path', required=True)",
        "    parser.add_argument('--fast', action='store_true')",
        "    parser.add_argument('--seed', type=int)",
        "    parser.add_argument('--made', default=1 + len('a'))",
    ]
    (tmp_path / "its_command.py").write_text("\n".join(lines))
    function = load(f"{tmp_path}/its_command.py:train")
    assert _of(function, "args") == {"num_workers": 4, "seed": None}


def test_nothing_is_said_where_nothing_is_declared():
    parameter = inspect.signature(annotated).parameters["model"]
    assert declared(parameter, ModuleType("empty")) == {}
