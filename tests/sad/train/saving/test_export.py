"""The student at the end of a run is there whole or not at all, whatever stood in its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from sad import tiny
from sad.distiller import Distiller
from sad.train.plan import Plan
from sad.train.saving.export import export

WHOLE = {"config.json", "generation_config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"}


def made() -> tuple[Plan, Distiller]:
    plan = tiny.plan()
    pair = plan.pair
    return plan, Distiller(pair.student, pair.teacher, pair.vocab, plan.recipe.terms)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.mark.parametrize("before", ["nothing", "an older one", "a file"])
def test_the_student_takes_the_place_of_what_was_there(tmp_path: Path, before: str) -> None:
    place = tmp_path / "run" / "student"
    if before == "a file":
        place.parent.mkdir()
        place.write_text("in the way")
    if before == "an older one":
        place.mkdir(parents=True)
        (place / "model-00001-of-00002.safetensors").write_text("of another student")
    export(*made(), place)
    assert names(place) == WHOLE
    assert names(place.parent) == {"student"}


@pytest.mark.parametrize("kind", [OSError, Exception])
def test_a_disk_that_is_full_leaves_no_half_student(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: type[Exception]
) -> None:
    plan, distiller = made()
    # the library behind the tokenizer has no error of its own for it
    error = Exception("No space left on device (os error 28)") if kind is Exception else OSError(28, "No space left")

    def full(_folder: Path) -> None:
        raise error

    monkeypatch.setattr(type(plan.pair.readers.student.tokenizer), "save_pretrained", lambda _, folder: full(folder))
    with pytest.raises(OSError, match="No space left"):
        export(plan, distiller, tmp_path / "student")
    assert names(tmp_path) == set()
