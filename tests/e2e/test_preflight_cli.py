"""`sad verify --teacher … --student … --data …` as a person runs it: verdict, mended recipe, one line for bad input."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
import warm

from sad.recipe import schema as recipes

SECONDS = 300


def sad(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return warm.sad("verify", *words, cwd=folder, timeout=SECONDS)


def test_the_embedded_pair_is_fine(tmp_path: Path) -> None:
    done = sad(
        tmp_path, "--teacher", "embedded", "--student", "embedded", "--data", "embedded", "--set", "train.device=cpu"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert all(line.startswith(("✓", "-")) for line in lines[:-1])
    assert lines[-1].startswith("0 wrong, 0 warnings, ")
    for part in ("overlapping: student 768 tokens, teacher 2,048", "teacher is better", "to the last bit", "GB free"):
        assert part in done.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.thorough
def test_a_layerwise_weight_far_too_large_is_wrong_and_the_written_recipe_is_mended(tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_text(
        "[data]\nmax_length = 64\n[train]\ndevice = 'cpu'\nbatch_size = 4\n[terms.layerwise]\nweight = 50.0\n"
    )
    done = sad(tmp_path, "--config", "run.toml", "--write-fix", "fixed.toml", "--json")
    assert done.returncode == 1, done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert found["status"] == "wrong"
    (wrong,) = [f for f in found["findings"] if f["level"] == "wrong"]
    assert wrong["says"].startswith("layerwise owns the run")
    weight = wrong["edits"]["terms.layerwise.weight"]
    fixed = recipes.load(tmp_path / "fixed.toml", {})
    assert 0 < fixed.terms.layerwise.weight == weight < 5
    assert fixed.data.max_length == 64


@pytest.fixture
def room(tmp_path: Path, pair_folder: Path) -> Path:
    for name in ("teacher", "student", "text.txt"):
        (tmp_path / name).symlink_to(pair_folder / name)
    (tmp_path / "empty.txt").write_text("")
    (tmp_path / "rows.csv").write_text("body\nsome text\nmore text\n")
    (tmp_path / "trl.yaml").write_text("learning_rate: 1e-4\nper_device_train_batch_size: 2\n")
    (tmp_path / "broken.toml").write_text("[train\n")
    cut, bare = tmp_path / "cut", tmp_path / "bare"
    for folder in (cut, bare):
        folder.mkdir()
    (cut / "config.json").write_text((pair_folder / "teacher" / "config.json").read_text())
    (cut / "model.safetensors").write_bytes((pair_folder / "teacher" / "model.safetensors").read_bytes()[:5000])
    (bare / "tokenizer.json").write_text("{}")
    (tmp_path / "cut.gguf").write_bytes(b"GGUF\x03\0\0\0\x01")
    (tmp_path / "numbers.jsonl").write_text('{"text": 1}\n{"text": 2}\n')
    (tmp_path / "wide.csv").write_text(",".join(f"c{i}" for i in range(30)) + ",Text\n" + "a," * 30 + "a\n")
    slow = tmp_path / "slow"
    slow.mkdir()
    (slow / "config.json").write_text((pair_folder / "student" / "config.json").read_text())
    (slow / "tokenizer_config.json").write_text('{"tokenizer_class": "CanineTokenizer"}')
    return tmp_path


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--teacher", "./nowhere"], "no such folder: ./nowhere"),
        (["--data", "./none.txt"], "no such file"),
        (["--data", "./empty.txt"], "holds no text"),
        (["--data", "./rows.csv"], "no column 'text'; it has body"),
        (["--data", "./wide.csv"], "no column 'text'; it has Text, c0, "),
        (["--data", "./wide.csv"], " and 23 more; did you mean 'Text'? (set data.column, data.messages, or"),
        (["--data", "./numbers.jsonl"], "holds int, not text"),
        (["--teacher", "./cut"], "it has 5,000 bytes, its header tells of"),
        (["--teacher", "./bare"], "holds no config.json"),
        (["--teacher", "./cut.gguf"], "breaks off"),
        (["--student", "random:2x64"], "needs a tokenizer"),
        (["--teacher", "./teacher", "--set", "data.max_length=9999"], "tokens at the most, data.max_length is 9999"),
        (["--student", "random:2x64", "--set", "student.tokenizer=./slow"], "has no fast backend"),
        (["--config", "trl.yaml"], "not a recipe: recipes are TOML"),
        (["--config", "broken.toml"], "cannot be read as TOML"),
        (["--config", "none.toml"], "cannot read the recipe"),
        (["--set", "train.batchsize=3"], "did you mean batch_size?"),
        (["--data", "text.txt", "--write-fix", "no/such.toml"], "there is no such folder"),
        (["V104", "--data", "text.txt"], "the catalogue and a run at once"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_input_is_one_line_and_exit_2(room: Path, words: list[str], says: str) -> None:
    done = sad(room, *words)
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stdout == ""
    assert says in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert done.stderr.startswith("sad: ")


def test_the_recipe_that_is_examined_is_not_overwritten(room: Path) -> None:
    (room / "run.toml").write_text("[train]\nbatch_size = 4\n")
    done = sad(room, "--config", "run.toml", "--write-fix", "run.toml")
    assert done.returncode == 2
    assert (room / "run.toml").read_text() == "[train]\nbatch_size = 4\n"


def test_a_file_that_is_no_recipe_is_not_overwritten(room: Path) -> None:
    (room / "texts.jsonl").write_text('{"text": "all that there is"}\n')
    done = sad(room, "--data", "texts.jsonl", "--write-fix", "texts.jsonl")
    assert done.returncode == 2
    assert "no recipe: name another file" in done.stderr
    assert (room / "texts.jsonl").read_text() == '{"text": "all that there is"}\n'
