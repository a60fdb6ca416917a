import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sad_doctor.rules import RULES
from sad_doctor.settings import by_code, chosen, find, load, merged, nearest, threshold


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
        ("[doctor.rules.R203]\nshare = -5", r"R203\.share is a finite number, at least 0, not -5"),
        ("[doctor.rules]\nR203 = 0.9", "table of thresholds"),
        ("[doctor]\nselect = 'R2'", "list of rules"),
        ("[doctor]\nselect = ['R9']", "no red flag 'R9'"),
        ("[doctor]\nfail_on = 'never'", "error or warn"),
        ("doctor = 3", "is a table"),
        ("select = ['R2']", r"select stands outside of the table \[doctor\]"),
        ("ignor = ['R2']\n[doctor]", "ignor stands outside"),
        ("[rules.R203]\nshare = 0.9", "rules stands outside"),
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


@given(st.sampled_from(RULES), st.floats(), st.data())
def test_every_threshold_can_be_set_by_code_or_name_to_what_is_sane(rule, value, data):
    if not rule.thresholds:
        return
    name = data.draw(st.sampled_from(sorted(rule.thresholds)))
    key = data.draw(st.sampled_from([rule.code, rule.name, rule.code.lower()]))
    least = 1 if name == "records" else -math.inf if rule.thresholds[name] < 0 else 0

    if math.isfinite(value) and value >= least:
        told = threshold(f"{key}.{name}={value!r}")
        assert by_code({told[0]: {told[1]: told[2]}}) == {rule.code: {name: value}}
    else:
        with pytest.raises(ValueError, match="finite number"):
            by_code({key: {name: value}})


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("R50", "there are R501, R502, R503, R504, R505, R506, R507"),
        ("loss-spke", "did you mean loss-spike?"),
        ("R601", "did you mean R501 crash?"),
        ("Loss-Spike", "did you mean loss-spike?"),
    ],
)
def test_a_word_that_is_no_rule_names_the_near_ones(word, says):
    assert nearest(word) == says


@pytest.mark.parametrize("word", ["foo", "R999", "x" * 500])
def test_a_word_like_no_rule_names_none(word):
    assert nearest(word).startswith("the codes go from R101 to R5")


def test_no_rule_may_be_left_out_so_far_that_none_is_left(tmp_path):
    with pytest.raises(ValueError, match="no rule is left"):
        chosen(["R105"], ["loss-diverges"])
    with pytest.raises(ValueError, match=r"sad\.toml: no rule is left"):
        load(written(tmp_path, '[doctor]\nselect = ["R105"]\nignore = ["R105"]\n'))


def test_a_path_of_the_file_is_relative_to_it(tmp_path):
    told = load(written(tmp_path, '[doctor]\nbaseline = "good"\nband = "/bands/ours.toml"\n'))
    assert (told.baseline_path, told.band_path) == (tmp_path / "good", Path("/bands/ours.toml"))
    assert load(None).baseline_path is load(None).band_path is None


def test_a_working_directory_that_is_gone_does_not_matter(tmp_path, monkeypatch):
    def gone():
        raise FileNotFoundError(2, "No such file or directory")

    monkeypatch.setattr(Path, "cwd", gone)
    file = written(tmp_path, "")
    assert find(tmp_path / "run.log") == file
    assert find("run.log") is None
