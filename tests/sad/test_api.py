"""`distill` from Python: with names and with what is in memory, it is the run of the command line."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import datasets
import pytest
import torch
from rich.console import Console
from transformers import AutoModelForCausalLM

import sad
from sad import api, tiny
from sad.api import TEXTS, distill
from sad.errors import UserError
from sad.pair import Pair
from sad.recipe.schema import Recipe
from sad.train.progress import Bar, Lines
from sad_doctor import names

PARAGRAPHS = [part for part in tiny.TEXT.split("\n\n") if part] * 6


def recipe(folder: Path, **train: Any) -> dict[str, Any]:
    return {
        "output.folder": str(folder / "runs"),
        "data": {"max_length": 32, "eval_windows": 4, "held_out": 0.3},
        "train": {"batch_size": 2, "max_steps": 2, "device": "cpu", "precision": "fp32", **train},
    }


def loaded(pair: Pair) -> dict[str, Any]:
    return {
        "teacher_tokenizer": pair.readers.teacher.tokenizer,
        "student_tokenizer": pair.readers.student.tokenizer,
        "progress": False,
    }


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]


def test_names_as_on_the_command_line(tmp_path: Path, pair_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tree = recipe(tmp_path)
    found = sad.distill(pair_folder / "teacher", str(pair_folder / "student"), pair_folder / "text.txt", tree)
    assert found.result.step == 2
    assert "step 2/2" in capsys.readouterr().out
    assert found.before.kl > 0
    assert found.teacher.tokens > 0
    assert "after   held-out: perplexity" in repr(found)
    saved = AutoModelForCausalLM.from_pretrained(found.folder / "student")
    assert torch.equal(tiny.weights(saved), tiny.weights(found.student))
    # the mapping is the caller's
    assert tree == recipe(tmp_path)


def test_models_and_texts_in_memory_train_as_from_files(tmp_path: Path, pair_folder: Path) -> None:
    (tmp_path / "text.jsonl").write_text("".join(json.dumps({"text": t}) + "\n" for t in PARAGRAPHS))
    named = distill(
        pair_folder / "teacher", pair_folder / "student", tmp_path / "text.jsonl", recipe(tmp_path), progress=False
    )
    pair = tiny.pair()
    before = tiny.weights(pair.student)
    found = distill(pair.teacher, pair.student, PARAGRAPHS, recipe(tmp_path), **loaded(pair))
    assert found.student is pair.student
    assert not found.student.training
    assert not torch.equal(tiny.weights(pair.student), before)
    assert torch.equal(tiny.weights(found.student), tiny.weights(named.student))
    kept = [line[names.LOSS] for line in lines(found.folder) if names.LOSS in line]
    assert kept == [line[names.LOSS] for line in lines(named.folder) if names.LOSS in line]
    (texts,) = (tmp_path / "runs" / TEXTS).iterdir()
    assert len(texts.read_text().splitlines()) == len(PARAGRAPHS)


def test_a_data_set_in_memory_and_held_out_texts(tmp_path: Path) -> None:
    pair = tiny.pair()
    data = datasets.Dataset.from_dict({"text": PARAGRAPHS})
    found = distill(pair.teacher, pair.student, data, recipe(tmp_path), held_out=PARAGRAPHS[:1], **loaded(pair))
    assert found.result.step == 2
    assert sorted(p.suffix for p in (tmp_path / "runs" / TEXTS).iterdir()) == [".jsonl", ".parquet"]


def test_a_run_is_resumed_with_models_given_again(tmp_path: Path) -> None:
    whole, first, second = tiny.pair(), tiny.pair(), tiny.pair()
    tree = recipe(tmp_path, max_steps=4, save_every=2)
    straight = distill(whole.teacher, whole.student, PARAGRAPHS, tree, **loaded(whole))
    found = distill(first.teacher, first.student, PARAGRAPHS, tree, **loaded(first))
    # as if it had been stopped after its second step
    shutil.rmtree(found.folder / "checkpoints" / "step-00000004")
    again = distill(second.teacher, second.student, PARAGRAPHS, resume=found.folder, **loaded(second))
    assert again.result.start == 2
    assert torch.equal(tiny.weights(again.student), tiny.weights(straight.student))


def test_a_recipe_of_any_kind_is_taken(tmp_path: Path) -> None:
    changes = recipe(tmp_path, max_steps=1)
    whole = Recipe.model_validate(
        {**{k: v for k, v in changes.items() if "." not in k}, "output": {"folder": tmp_path}}
    )
    (tmp_path / "r.toml").write_text(
        f'[output]\nfolder = "{tmp_path}"\n[data]\nmax_length = 32\n[train]\nmax_steps = 1\ndevice = "cpu"\n'
        'precision = "fp32"\n'
    )
    for given in (whole, tmp_path / "r.toml", str(tmp_path / "r.toml")):
        pair = tiny.pair()
        assert distill(pair.teacher, pair.student, PARAGRAPHS, given, **loaded(pair)).result.step == 1


def test_weights_of_half_precision_are_trained_in_full(tmp_path: Path) -> None:
    pair = tiny.pair()
    found = distill(pair.teacher, pair.student.half(), PARAGRAPHS, recipe(tmp_path), **loaded(pair))
    assert {p.dtype for p in found.student.parameters()} == {torch.float32}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"teacher_tokenizer": None}, "a loaded teacher needs its tokenizer: pass teacher_tokenizer"),
        ({"student": 3}, "the student must be a name or a loaded model, not int"),
        ({"dataset": {"text": []}}, "a data set must be a name, texts, or one split"),
        ({"dataset": ["a", 1]}, "texts must be strings, and one of them is int$"),
        ({"dataset": [{"messages": []}]}, "one of them is dict; give chats as a JSON lines file"),
        ({"dataset": []}, "there is no text: the data set is empty; give texts"),
        ({"recipe": 7}, "a recipe is a TOML file, a Recipe or a mapping, not int"),
        ({"recipe": {"train.epochs": 0}}, "^the recipe: train.epochs: "),
        ({"recipe": {"train.epoch": 1}}, "unknown key train.epoch; did you mean epochs?"),
        ({"recipe": "none.toml"}, "cannot read the recipe none.toml"),
        ({"resume": "none"}, "no such run: none"),
        ({"resume": "x" * 300}, "x: File name too long; name another place"),
    ],
)
def test_a_mistake_is_one_line(
    change: dict[str, Any], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    pair = tiny.pair()
    models = {"teacher": pair.teacher, "student": pair.student, "dataset": PARAGRAPHS, **loaded(pair)}
    with pytest.raises(UserError, match=told) as error:
        distill(**{**models, **change})
    assert "\n" not in str(error.value)


def test_a_student_that_cannot_learn_is_refused(tmp_path: Path) -> None:
    pair = tiny.pair()
    pair.student.requires_grad_(False)
    with pytest.raises(UserError, match="no weight of the student is to be trained"):
        distill(pair.teacher, pair.student, PARAGRAPHS, recipe(tmp_path), **loaded(pair))


@pytest.mark.parametrize(
    ("notebook", "terminal", "widgets", "kind"),
    [(True, False, True, Bar), (True, False, False, Lines), (False, True, False, Bar), (False, False, True, Lines)],
)
def test_a_bar_is_shown_where_it_can_move(
    notebook: bool, terminal: bool, widgets: bool, kind: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    console = Console(force_jupyter=notebook, force_terminal=terminal, _environ={"TERM": "xterm"})
    monkeypatch.setattr(api, "patient_console", lambda **_: console)
    monkeypatch.setattr(api, "find_spec", lambda _: object() if widgets else None)
    assert isinstance(api._watch(3, shown=True), kind)


@pytest.mark.thorough
def test_silence_is_kept_by_the_libraries_too(pair_folder: Path, tmp_path: Path) -> None:
    text = f"{pair_folder / 'teacher'!s}", f"{pair_folder / 'student'!s}", f"{pair_folder / 'text.txt'!s}"
    code = f"from sad import distill; distill(*{text!r}, {recipe(tmp_path)!r}, progress=False)"
    loud = {name: value for name, value in os.environ.items() if not name.startswith("HF_HUB_DISABLE")}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=loud)
    assert (done.stdout, done.stderr) == ("", "")


def test_silence_is_kept(capsys: pytest.CaptureFixture[str]) -> None:
    with api._watch(3, shown=False) as watch:
        watch.say("anything")
    assert capsys.readouterr().out == ""


def test_the_package_waits_for_torch_until_it_is_asked() -> None:
    subprocess.run([sys.executable, "-c", "import sys, sad; assert 'torch' not in sys.modules"], check=True)
    assert sad.distill is api.distill
    with pytest.raises(AttributeError, match="no attribute 'destill'"):
        sad.destill  # noqa: B018


def test_the_package_names_what_is_loaded_late() -> None:
    import sad
    from sad import invariants

    assert {"distill", "Distilled", "__version__"} <= set(dir(sad))
    assert "check" in dir(invariants)
