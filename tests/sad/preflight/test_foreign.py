from __future__ import annotations

import pytest

from sad.errors import UserError
from sad.preflight.foreign import refuse_foreign

TRL = "teacher_model_name_or_path: a\nper_device_train_batch_size: 4\nlearning_rate: 1e-4\n"


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("c.yaml", TRL, "per_device_train_batch_size is train.batch_size here"),
        ("c.json", '{\n "learning_rate": 1e-4,\n "num_train_epochs": 3\n}', "num_train_epochs is train.epochs here"),
        ("c.toml", "per_device_train_batch_size = 4\nlearning_rate = 1e-4\n", "Hugging Face trainer"),
        ("c.yml", "a: 1\n", "is YAML, not a recipe"),
        ("c.json", "{}", "is JSON, not a recipe"),
    ],
)
def test_another_schema_is_named_in_one_line_with_the_keys_renamed(tmp_path, name, text, says) -> None:
    file = tmp_path / name
    file.write_text(text)
    with pytest.raises(UserError, match=says) as raised:
        refuse_foreign(file)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("text", ["[train]\nlearning_rate = 1e-3\n", "", "# nothing\n", "[train\n", "lern = 3\n"])
def test_recipes_are_left_to_their_reader_also_broken_ones(tmp_path, text) -> None:
    file = tmp_path / "r.toml"
    file.write_text(text)
    refuse_foreign(file)
    refuse_foreign(tmp_path / "none.toml")
    (tmp_path / "b.toml").write_bytes(b"\xff\xfe\x00")
    refuse_foreign(tmp_path / "b.toml")
