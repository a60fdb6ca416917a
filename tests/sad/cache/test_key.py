"""The key changes with each thing that a cache is of, and what differs is named."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from sad import tiny
from sad.cache import key
from sad.cache.key import ELSEWHERE, config_hash, differences, make_key, refuse, weights_hash
from sad.errors import UserError
from sad.recipe.schema import Recipe, parse


@pytest.fixture
def teacher(tmp_path: Path, pair_folder: Path) -> Path:
    return Path(shutil.copytree(pair_folder / "teacher", tmp_path / "teacher"))


def recipe(teacher: Path, temperature: float = 1.0) -> Recipe:
    return parse({"teacher": {"model": str(teacher)}, "terms": {"kd": {"temperature": temperature}}}, "test")


def test_weights_are_known_by_their_bytes_and_not_by_their_place(teacher: Path, tmp_path: Path) -> None:
    known = weights_hash(str(teacher))
    assert known == weights_hash(str(shutil.copytree(teacher, tmp_path / "copy")))
    content = bytearray((teacher / "model.safetensors").read_bytes())
    content[-1] ^= 1
    (teacher / "model.safetensors").write_bytes(content)
    assert weights_hash(str(teacher)) not in (known, ELSEWHERE)
    (teacher / "model.safetensors").unlink()
    assert weights_hash(str(teacher)) == ELSEWHERE


def test_a_configuration_is_known_by_what_it_says(teacher: Path) -> None:
    file, known = teacher / "config.json", config_hash(str(teacher))
    tree = json.loads(file.read_text())
    file.write_text(json.dumps({**tree, "transformers_version": "9", "_name_or_path": "x"}, indent=7))
    assert config_hash(str(teacher)) == known
    file.write_text(json.dumps({**tree, "rope_theta": 1.0}))
    assert config_hash(str(teacher)) != known
    file.unlink()
    assert config_hash(str(teacher)) == ELSEWHERE


def test_the_key_names_the_pair_and_the_temperature(teacher: Path) -> None:
    pair, other = tiny.pair(), tiny.pair(448, 320)
    of = make_key(recipe(teacher), pair.readers, pair.vocab, [1])
    assert differences(of, make_key(recipe(teacher), pair.readers, pair.vocab, [1])) == []
    assert differences(of, make_key(recipe(teacher, 2.0), pair.readers, pair.vocab, [1])) == [key.WORDS["temperature"]]
    told = differences(of, make_key(recipe(teacher), other.readers, other.vocab, [1, 2]))
    assert told == [key.WORDS[name] for name in ("teacher_tokenizer", "vocabulary_map", "layers")]


def test_weights_that_are_not_here_and_what_is_not_asked_for_do_not_differ() -> None:
    assert differences({"weights": "a", "k": 3}, {"weights": ELSEWHERE}) == []
    assert differences({"weights": "a"}, {"weights": "b"}) == [key.WORDS["weights"]]
    assert differences({}, {"format": 1}) == [key.WORDS["format"]]


def test_a_difference_is_one_line_with_the_most_telling_first() -> None:
    refuse(Path("c"), [], "x")
    with pytest.raises(UserError, match=r"^c is not a cache of this run: one; do that$"):
        refuse(Path("c"), ["one"], "do that")
    with pytest.raises(UserError, match=r"one \(and 2 more: two; three\); do that$"):
        refuse(Path("c"), ["one", "two", "three"], "do that")
