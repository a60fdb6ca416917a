import json
from pathlib import Path

from sad import passage

FIXTURES = Path(__file__).parents[2] / "fixtures"


def test_it_is_one_of_the_recorded_passages_with_168_and_160_tokens():
    recorded = json.loads((FIXTURES / "passages_168_160.json").read_text("utf-8"))
    found = next(one for one in recorded if one["text"] == passage.text())
    assert len(passage.content()["smollm2"]) == found["counts"]["smollm2"] == 168
    assert len(passage.content()["deepseek"]) == found["counts"]["deepseek"] == 160


def test_the_readers_read_it_as_recorded_to_the_last_byte():
    for name, reader in (("smollm2", passage.readers().student), ("deepseek", passage.readers().teacher)):
        reading = reader.read([passage.text()])[0]
        assert reading.ends.tolist() == passage.content()[name]
        assert reading.ends[-1] == len(passage.text().encode())
        assert b"".join(reader.bytes[i] for i in reading.ids.tolist()).decode() == passage.text()


def test_only_one_of_them_cuts_numbers_digit_by_digit():
    at = passage.text().index("40,000")
    assert [end for end in passage.content()["smollm2"] if at < end <= at + 6] == [at + k for k in range(1, 7)]
    assert [end for end in passage.content()["deepseek"] if at < end <= at + 6] == [at + 2, at + 3, at + 6]
