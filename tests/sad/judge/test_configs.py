"""Settings are read from a command line, from files and from classes; all are asked for by name."""

import argparse
import json
from dataclasses import dataclass

import pytest
import yaml

from sad.judge import configs
from sad.judge.configs import OmegaConf
from sad.judge.reading import reading
from sad.judge.steps.settings import Settings

KNOWN = {"lr": 0.5, "epochs": 2, "accumulation_steps": 4}


@dataclass
class RunConfig:
    lr: float = 1e-4
    epochs: int = 90
    layers: int = 12
    name: str = "a"


@pytest.fixture
def asked():
    found = set()
    with reading(["t1"], lambda name, declares: Settings(name, KNOWN, declares, found)):
        yield found


def test_a_command_line_is_its_defaults_and_what_must_be_given_a_path(asked):
    parser = argparse.ArgumentParser()
    parser.add_argument("--lr", default=0.1)
    parser.add_argument("--layers", default=3)
    parser.add_argument("--corpus", required=True)
    a = parser.parse_args()
    assert (a.lr, a.layers, a.corpus, asked) == (0.5, 3, ".", {"lr"})
    assert parser.parse_args(["--corpus", "a"]).corpus == "a"


def test_a_file_of_settings_says_what_it_declares(asked, tmp_path):
    (tmp_path / "there.yaml").write_text("model: {name: x, layers: 3}\nlr: 7\n")
    with open(tmp_path / "there.yaml") as file:
        cfg = yaml.safe_load(file)
    assert (cfg["lr"], cfg["model"]["layers"], asked) == (0.5, 3, {"lr"})
    with open("nowhere.yaml") as file:
        assert yaml.load(file, Loader=yaml.SafeLoader)["train"]["epochs"] == 2
    with open("train_config.json") as file:
        assert json.load(file)["epochs"] == 2
    assert yaml.safe_load("[1, 2]") == [1, 2]


def test_a_class_of_settings_says_what_its_numbers_are_named_for(asked):
    made = RunConfig(epochs=7)
    assert (made.epochs, made.layers, made.name, asked) == (2, 12, "a", {"epochs"})


def test_afterwards_a_class_is_as_it_was():
    with reading(["t1"], lambda name, declares: Settings(name, KNOWN, declares)):
        pass
    assert (RunConfig().epochs, "__getattribute__" in vars(RunConfig)) == (90, False)


def test_data_classes_of_a_parser_are_settings():
    parser = pytest.importorskip("transformers").HfArgumentParser(RunConfig)
    with reading(["t1"], lambda name, declares: Settings(name, KNOWN, declares)):
        (args,) = parser.parse_args_into_dataclasses()
    assert (args.epochs, args.layers) == (2, 12)


def test_omegaconf_reads_and_merges_settings(monkeypatch, tmp_path):
    import sys
    from types import SimpleNamespace

    monkeypatch.setitem(sys.modules, "omegaconf", SimpleNamespace(**configs.of("omegaconf")))
    (tmp_path / "there.yaml").write_text("optim: {width: 3}\n")
    with reading(["t1"], lambda name, declares: Settings(name, KNOWN, declares)):
        cfg = OmegaConf.merge(OmegaConf.load(tmp_path / "there.yaml"), OmegaConf.from_cli(), {"depth": 5})
        assert (cfg.optim.width, cfg.depth, OmegaConf.select(cfg, "optim.lr")) == (3, 5, 0.5)
        assert OmegaConf.to_container(cfg, resolve=True) is cfg
        assert OmegaConf.to_yaml(OmegaConf.structured(RunConfig)) == ""
    assert not hasattr(OmegaConf, "merge")
