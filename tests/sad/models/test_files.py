from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from sad import embedded
from sad.errors import UserError
from sad.models.files import check_files, check_model, check_safetensors, weight_files
from sad.recipe.schema import parse


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "model"
    shutil.copytree(embedded.TEACHER, made)
    return made


def look(model: Path | str, length: int = 128, role: str = "teacher") -> None:
    check_files(parse({role: {"model": str(model)}, "data": {"max_length": length}}, "test"))


def change(folder: Path, **keys: object) -> None:
    file = folder / "config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **keys}))


def refused(model: Path | str, length: int = 128, role: str = "teacher") -> str:
    with pytest.raises(UserError) as raised:
        look(model, length, role)
    assert "\n" not in str(raised.value)
    return str(raised.value)


def test_a_whole_model_a_name_on_a_hub_and_a_fresh_student_pass(folder: Path) -> None:
    look(folder)
    look("somebody/a-model")
    look("somebody/a-model", 512, "student")
    look("random:2x64", 512, "student")


@pytest.mark.parametrize("role", ["teacher", "student"])
def test_windows_longer_than_the_model_reads_are_refused(folder: Path, role: str) -> None:
    change(folder, max_position_embeddings=200)
    look(folder, 200, role)
    assert refused(folder, 201, role).startswith(f"the {role} reads 200 tokens at the most, data.max_length is 201")


def test_positions_are_found_under_other_names(folder: Path) -> None:
    plain = {"model_type": "gpt2", "n_positions": 64}
    (folder / "config.json").write_text(json.dumps(plain))
    assert "reads 64 tokens" in refused(folder)
    (folder / "config.json").write_text(json.dumps({"model_type": "x", "text_config": {"max_position_embeddings": 32}}))
    assert "reads 32 tokens" in refused(folder)
    (folder / "config.json").write_text(json.dumps({"model_type": "x"}))
    look(folder, 10**6, "teacher")


def test_a_folder_without_configuration_names_the_one_that_was_meant(folder: Path, tmp_path: Path) -> None:
    assert refused(tmp_path).endswith(f"did you mean {folder}?")
    (folder / "config.json").unlink()
    assert "holds no config.json: name the folder of a model in Hugging Face format" in refused(folder)
    (folder / "adapter_config.json").write_text("{}")
    assert "merge it" in refused(folder)


def test_an_adapter_beside_a_model_is_not_loaded_in_its_place(folder: Path) -> None:
    look(folder)
    check_model(folder, "m")
    (folder / "adapter_config.json").write_text('{"base_model_name_or_path": "../elsewhere"}')
    assert "or take adapter_config.json away" in refused(folder)
    with pytest.raises(UserError, match="holds an adapter beside a model"):
        check_model(folder, "m")


@pytest.mark.parametrize("text", ["{", "[]", "{}"])
def test_a_configuration_that_is_none(folder: Path, text: str) -> None:
    (folder / "config.json").write_text(text)
    assert "config.json" in refused(folder)


@pytest.mark.parametrize("kept", [0, 7, 1000, -1])
def test_weights_that_are_cut_off(folder: Path, kept: int) -> None:
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:kept])
    assert "fetch it again" in refused(folder)


def test_weights_with_a_broken_header_or_something_behind_them(folder: Path) -> None:
    file = folder / "model.safetensors"
    sound = file.read_bytes()
    file.write_bytes(sound + b"0")
    assert "too long" in refused(folder)
    file.write_bytes(sound[:8] + b"?" + sound[9:])
    assert "header that cannot be read" in refused(folder)
    file.write_bytes(sound)
    check_safetensors(file)


def test_weights_that_are_not_there(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "part-1.safetensors")
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"a": "part-1.safetensors"}}))
    look(folder)
    index.write_text(json.dumps({"weight_map": {"a": "part-1.safetensors", "b": "part-2.safetensors"}}))
    assert "lacks 1 of 2 files of weights, part-2.safetensors" in refused(folder)
    index.write_text("[]")
    assert "fetch the model again" in refused(folder)
    index.unlink()
    assert "convert that" in refused(folder)
    (folder / "part-1.safetensors").unlink()
    assert refused(folder).endswith("holds no weights (model.safetensors): fetch it again")


def test_what_is_no_folder_of_a_model(folder: Path) -> None:
    assert "name the folder" in refused(folder / "config.json")
    assert "no such folder" in refused("./nowhere")
    assert "no such file" in refused("./nowhere.gguf")
    assert "no asset 'nope'" in refused("asset:nope")


def test_a_cache_stands_for_the_teachers_weights_and_for_nothing_else(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    cached = {"teacher": {"model": str(folder)}, "cache": {"path": "c"}}
    check_files(parse(cached, "test"))
    with pytest.raises(UserError, match="holds no weights"):
        check_files(parse({**cached, "student": {"model": str(folder)}}, "test"))
    (folder / "config.json").unlink()
    with pytest.raises(UserError, match=r"holds no config\.json"):
        check_files(parse(cached, "test"))


def test_files_of_weights_are_found_where_they_are_here(folder: Path) -> None:
    assert weight_files(str(folder)) == [folder / "model.safetensors"]
    assert weight_files("somebody/a-model-that-is-nowhere") == []
    (folder / "model.safetensors").unlink()
    assert weight_files(str(folder)) == []


@pytest.mark.parametrize("shard", ["x.bin", "../other/model.safetensors", "/tmp/model.safetensors"])
def test_an_index_names_safetensors_beside_it_and_nothing_else(folder: Path, shard: str) -> None:
    (folder / "config.json").write_text(json.dumps({"model_type": "llama"}))
    (folder / "model.safetensors").unlink(missing_ok=True)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": shard}}))
    assert "names weights that are no .safetensors file beside it" in refused(folder)


def test_so_does_a_configuration(folder: Path) -> None:
    change(folder, transformers_weights="adapter_model.bin")
    assert "names weights that are no .safetensors file" in refused(folder)


@pytest.mark.parametrize("name", ["config.json", "model.safetensors.index.json"])
def test_what_is_nested_too_deeply_is_refused(folder: Path, name: str) -> None:
    (folder / "config.json").write_text(json.dumps({"model_type": "llama"}))
    (folder / "model.safetensors").unlink(missing_ok=True)
    (folder / name).write_text("[" * 100_000)
    assert name in refused(folder)
