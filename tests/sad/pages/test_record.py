import re

from sad.pages.record import record_markdown, written
from sad_doctor import names


def test_every_name_of_the_record_is_told_once_under_its_kind():
    page = record_markdown()
    parts = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL))
    assert parts["Columns"].count("\n| `") > 35
    assert (
        "\n| `train/raw/…` | a term before its weight (nats or a normalised distance, per unit). |\n"
        in parts["Columns"]
    )
    assert "| `eval/perplexity` | exp of `eval/lm_loss`, never clamped. |" in parts["Columns"]
    assert "| `time` |" in parts["Columns"]
    assert "| `status` | One of running, finished," in parts["Facts"]
    assert "| `rollback` |" in parts["Events"]
    assert len({one.written for one in written()}) == len(list(written()))


def test_no_name_that_is_written_is_without_a_sentence():
    told = {one.written.removesuffix("…") for one in written()}
    plain = {names.KD, names.LM, names.LAYERWISE}
    values = {value for name, value in vars(names).items() if name.isupper() and isinstance(value, str)}
    assert values - told == plain
