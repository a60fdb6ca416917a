import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sad_doctor.rules import RULES
from sad_doctor.settings import by_code, find, load, merged, threshold


def written(folder, text):
    file = folder / "sad.toml"
    file.write_text(text)
    return file


def test_the_table_of_the_doctor(tmp_path):
    text = '[train]\nlearning_rate = 1\n[doctor]\nselect = ["R2"]\nignore = ["loss-spike"]\n'
    text += 'fail_on = "warn"\nband = "seed"\n'
    told = load(written(tmp_path, text + "[doctor.rules.R203]\nshare = 0.9\n[doctor.rules.loss-spike]\nsigmas = 12\n"))

    assert (told.select, told.ignore, told.fail_on, told.band) == (("R2",), ("loss-spike",), "warn", "seed")
    assert told.thresholds == {"R203": {"share": 0.9}, "R104": {"sigmas": 12.0}}
    assert load(None).thresholds == load(written(tmp_path, "[train]\nepochs = 1")).thresholds == {}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[docter]\n", r"did you mean \[doctor\]"),
        ("[doctor]\nslect = ['R2']", "did you mean select"),
        ("[doctor.rules.R203]\nshar = 0.9", "did you mean share"),
        ("[doctor.rules.term-dominate]\nshare = 0.9", "did you mean term-dominates"),
        ("[doctor.rules.R203]\nshare = true", "finite number"),
        ("[doctor.rules.R203]\nshare = inf", "finite number"),
        ("[doctor.rules]\nR203 = 0.9", "table of thresholds"),
        ("[doctor]\nselect = 'R2'", "list of rules"),
        ("[doctor]\nselect = ['R9']", "no rule 'R9'"),
        ("[doctor]\nfail_on = 'never'", "error or warn"),
        ("doctor = 3", "is a table"),
        ("[doctor", "cannot be read"),
    ],
)
def test_a_mistake_is_one_line_that_names_the_file(tmp_path, text, says):
    with pytest.raises(ValueError, match=says) as caught:
        load(written(tmp_path, text))
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(str(tmp_path / "sad.toml"))


def test_where_it_is_found(tmp_path, monkeypatch):
    run = tmp_path / "runs" / "one"
    run.mkdir(parents=True)
    work = tmp_path / "work" / "deep"
    work.mkdir(parents=True)
    monkeypatch.chdir(work)

    assert find(run / "log.txt") is None
    above = written(tmp_path / "work", "")
    assert find(run) == above
    beside = written(tmp_path / "runs", "")
    assert find(run) == beside
    inside = written(run, "")
    assert find(run) == find(run / "log.txt") == find(run / "data.db" / "a-run") == inside


def test_the_command_line_counts_over_the_file():
    assert merged({"R203": {"share": 0.7, "window": 9}}, {"term-dominates": {"share": 0.9}}) == {
        "R203": {"share": 0.9, "window": 9}
    }


@given(st.sampled_from(RULES), st.floats(allow_nan=False), st.data())
def test_every_threshold_can_be_set_by_code_or_name(rule, value, data):
    if not rule.thresholds:
        return
    name = data.draw(st.sampled_from(sorted(rule.thresholds)))
    key = data.draw(st.sampled_from([rule.code, rule.name, rule.code.lower()]))

    told = threshold(f"{key}.{name}={value!r}")
    assert by_code({told[0]: {told[1]: told[2]}}) == {rule.code: {name: value}}
    assert math.isfinite(value) or told[2] == value
