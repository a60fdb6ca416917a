"""The recipe: TOML < flags, every mistake named in one line, and the file that is written is the recipe that ran."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from sad.errors import UserError
from sad.recipe import schema as recipes
from sad.recipe.schema import Recipe
from sad.recipe.section import Section


def written(folder: Path, text: str) -> Path:
    path = folder / "run.toml"
    path.write_text(text, encoding="utf-8")
    return path


def refused(*, path: Path | None = None, **overrides: object) -> str:
    """Return the one line that a wrong recipe is answered with."""
    with pytest.raises(UserError) as caught:
        recipes.load(path, {key.replace("__", "."): value for key, value in overrides.items()})
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_flags_go_on_top_of_the_file_and_the_file_on_top_of_defaults(tmp_path: Path) -> None:
    path = written(tmp_path, "[train]\nepochs = 5\nseed = 7\n[terms.kd]\nweight = 2\n")
    found = recipes.load(path, {"train.seed": 9, "teacher.model": "somewhere"})
    assert (found.train.epochs, found.train.seed, found.terms.kd.weight) == (5.0, 9, 2.0)
    assert found.teacher.model == "somewhere"
    assert found.train.batch_size == Recipe().train.batch_size


def test_without_anything_it_is_the_embedded_pair() -> None:
    found = recipes.load(None, {})
    assert found == Recipe()
    assert {found.teacher.model, found.student.model, found.data.text} == {recipes.EMBEDDED}


def test_a_recipe_does_not_change() -> None:
    with pytest.raises(ValidationError):
        Recipe().train.epochs = 4.0


def test_every_key_says_what_it_is() -> None:
    def keys(model: type[Section]) -> list[tuple[str, str | None]]:
        found = []
        for name, field in model.model_fields.items():
            kind = field.annotation
            if isinstance(kind, type) and issubclass(kind, Section):
                assert kind.__doc__
                found += keys(kind)
            else:
                found.append((f"{model.__name__}.{name}", field.description))
        return found

    told = keys(Recipe)
    assert len(told) > 30
    assert [name for name, description in told if not description] == []


@pytest.mark.parametrize(
    ("key", "near"), [("train.epoch", "epochs"), ("train.batchsize", "batch_size"), ("terms.kd.wieght", "weight")]
)
def test_an_unknown_key_names_the_nearest_right_one(key: str, near: str) -> None:
    message = refused(**{key.replace(".", "__"): 1})
    assert f"unknown key {key}; did you mean {near}?" in message


def test_an_unknown_key_like_no_other_names_those_there_are() -> None:
    assert "unknown key student.zzzzzz; known: model, tokenizer" in refused(student__zzzzzz=1)
    # what shares a few letters only would be a guess, and `data.text` is meant
    assert re.search(r"unknown key data\.train; known: .*\btext\b", refused(data__train="texts.jsonl"))
    assert "unknown key quux" in refused(quux=1)


def test_a_mistake_names_the_file(tmp_path: Path) -> None:
    path = written(tmp_path, "[train]\nepochs = 'many'\n")
    message = refused(path=path)
    assert message.startswith(f"{path}: train.epochs: ")
    assert "'many'" in message
    # the file may be right and a flag wrong
    assert refused(path=path, train__batch_size=0).startswith(f"{path} and the flags: train.")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("train.epochs", 0),
        ("train.epochs", float("nan")),
        ("train.learning_rate", float("inf")),
        ("train.batch_size", 0),
        ("train.warmup", 1.0),
        ("train.precision", "fp8"),
        ("train.max_steps", -1),
        ("data.held_out", 0.0),
        ("data.held_out", 1.5),
        ("data.max_length", 4),
        ("terms.kd.weight", -1),
        ("terms.kd.weight", float("nan")),
        ("terms.kd.temperature", 0),
        ("output.name", "../elsewhere"),
        ("train", 3),
        ("train.max_steps", True),
        ("train.epochs", True),
        ("train.batch_size", "16"),
        ("train.seed", 1.5),
        ("train.seed", 2**63),
    ],
)
def test_a_value_out_of_range_or_of_another_type_is_refused(key: str, value: object) -> None:
    assert key.split(".")[-1] in refused(**{key.replace(".", "__"): value})


@pytest.mark.parametrize("key", ["train.push_checkpoint", "data.cache", "data.text", "teacher.model", "output.folder"])
@pytest.mark.parametrize("nothing", ["", "  "])
def test_empty_text_is_refused_it_would_be_the_folder_that_one_is_in(key: str, nothing: str) -> None:
    section, name = key.split(".")
    with pytest.raises(UserError, match=f"^the flags: {section}.{name} is empty: give it a value, or leave it out$"):
        recipes.load(None, {key: nothing})


def test_a_missing_file_and_a_file_that_is_not_toml(tmp_path: Path) -> None:
    assert "cannot read the recipe" in refused(path=tmp_path / "none.toml")
    assert "cannot be read as TOML" in refused(path=written(tmp_path, "[train\n"))
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    assert "bytes.toml cannot be read as TOML: it is not UTF-8 text (byte 0); mend it" in refused(
        path=tmp_path / "bytes.toml"
    )
    assert "cannot read the recipe" in refused(path=tmp_path)


def test_a_byte_order_mark_is_no_mistake(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text("[train]\nseed = 3\n", encoding="utf-8-sig")
    assert recipes.load(path, {}).train.seed == 3


def test_a_flag_cannot_go_below_a_value(tmp_path: Path) -> None:
    path = written(tmp_path, "train = 3\n")
    way = "set train itself, or make it a section of the recipe"
    assert refused(path=path, train__epochs=2) == f"train.epochs: train is one value, with no keys below it: {way}"


def test_terms_without_weight_are_left_out_and_one_must_stay() -> None:
    assert recipes.load(None, {"terms.kd.weight": 0}).terms.weights == {"lm": 1.0, "layerwise": 0.03}
    message = refused(terms__kd__weight=0, terms__lm__weight=0, terms__layerwise__weight=0)
    assert "every term has weight 0" in message


def test_shares_name_exactly_the_terms_with_a_weight() -> None:
    shares = {"kd": 50, "lm": 30, "layerwise": 20}
    assert recipes.load(None, {"shares": shares}).shares == shares
    assert "layerwise" in refused(shares={"kd": 50, "lm": 50})
    assert "contrastive" in refused(shares={**shares, "contrastive": 1})
    assert "shares.kd: 0 is out of range" in refused(shares={**shares, "kd": 0})
    assert "shares.kd: nan is out of range" in refused(shares={**shares, "kd": float("nan")})


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("terms.kd.weight=0.5", 0.5),
        ("terms.kd.weight = 1e-3", 1e-3),
        ("data.text=corpus/a.txt", "corpus/a.txt"),
        ("data.text='a=b.txt'", "a=b.txt"),
        ("data.text=a=b.txt", "a=b.txt"),
        ("x=true", True),
        ("shares={kd = 1, lm = 2}", {"kd": 1, "lm": 2}),
        ("output.name=", ""),
    ],
)
def test_an_assignment_is_a_key_and_a_toml_value(text: str, value: object) -> None:
    assert recipes.assignment(text) == (text.partition("=")[0].strip(), value)


def test_a_flag_wins_over_a_set_of_the_same_key() -> None:
    assert recipes.merged(["train.epochs=2", "terms.kd.weight=0.5"], {"train.epochs": 3.0}) == {
        "train.epochs": 3.0,
        "terms.kd.weight": 0.5,
    }


@pytest.mark.parametrize("text", ["terms.kd.weight", "=3", " = 3"])
def test_what_is_no_assignment_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="key=value"):
        recipes.assignment(text)


@pytest.mark.parametrize(
    ("student", "rate"), [("embedded", 4e-3), ("random:2x64", 1e-3), ("some/model", 1e-4), ("asset:smollm2", 1e-4)]
)
def test_a_pretrained_student_learns_more_slowly_than_a_fresh_one(student: str, rate: float):
    assert recipes.load(None, {"student.model": student}).train.learning_rate == rate
    assert recipes.load(None, {"student.model": student, "train.learning_rate": 0.5}).train.learning_rate == 0.5
