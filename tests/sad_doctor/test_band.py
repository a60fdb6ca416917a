import pytest

from sad_doctor.band import BANDS, band_of, beside
from sad_doctor.example import parse

WANTED = "fact total_steps: 1000\nsteps: 101 every 10\n"


def lies(comparison):
    return [(r.what, r.where, r.lies) for r in comparison.rows]


def test_the_wanted_trajectory_is_within_itself():
    for track in BANDS["seed"].tracks:
        middle = [(low + high) / 2 for low, high in zip(track.low, track.high, strict=True)]
        steps = ", ".join(str(1000 * at) for at in track.at)
        values = ", ".join(map(str, middle))

        found = beside(parse(f"fact total_steps: 1000\nsteps: {steps}\n{track.column}: {values}"), BANDS["seed"])

        assert {r.lies for r in found.rows} == {"within"}
        assert len(found.rows) == 5
        assert found.headline.startswith("Nowhere above")


def test_above_is_named_and_below_is_not_a_fault():
    text = WANTED + "train/loss: 13 -> 12 -> 11 -> 11 -> 11"

    found = beside(parse(text), BANDS["seed"])
    assert "at 100% of the way, wanted 4 to 7" in found.headline
    assert "Not in the log: train/weighted/layerwise and eval/perplexity" in found.notes
    better = beside(parse(WANTED + "train/loss: 1"), BANDS["seed"])
    assert {r.lies for r in better.rows} == {"below"}
    assert better.headline.startswith("Nowhere above")


def test_a_run_that_has_only_begun_is_compared_at_its_beginning():
    found = beside(parse("fact total_steps: 10000\nsteps: 10 every 10\ntrain/loss: 13"), BANDS["seed"])

    assert lies(found) == [("the training loss", "0%", "within")]
    alone = beside(parse("steps: 10 every 10\ntrain/loss: 13"), BANDS["seed"])
    assert "its last step stands for the end" in alone.notes[0]


def test_a_band_of_a_file(tmp_path):
    file = tmp_path / "usual.toml"
    file.write_text('title = "our usual run"\n[["train/loss"]]\nat = [1.0]\nlow = [1]\nhigh = [2]\n')

    found = beside(parse(WANTED + "train/loss: 3"), band_of(file))
    assert found.title == "Beside our usual run"
    assert lies(found) == [("the training loss", "100%", "above")]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[[x]]\nat = [1]\nlow = [1]\nhigh = [1, 2]", "equally long"),
        ("[[x]]\nat = [1]\nlow = [3]\nhigh = [2]", "above its high"),
        ("[[x]]\nat = [1]\nlow = [1]\nhihg = [2]\nhigh = [2]", "did you mean high"),
        ("[[x]]\nat = [1]\nlow = ['a']\nhigh = [2]", "finite numbers"),
        ("x = 3", "must be a table"),
        ("", "no series"),
        ("[", "--band"),
    ],
)
def test_a_wrong_file_is_one_line(tmp_path, text, says):
    file = tmp_path / "band.toml"
    file.write_text(text)

    with pytest.raises(ValueError, match=says) as caught:
        band_of(file)
    assert "\n" not in str(caught.value)
    with pytest.raises(ValueError, match="did you mean seed"):
        band_of("sed")
