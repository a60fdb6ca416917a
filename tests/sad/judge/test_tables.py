"""A table that is not here has the columns that its program names."""

import pytest

from sad.judge.reading import reading
from sad.judge.tables import columns

pandas = pytest.importorskip("pandas")
TEXTS = ["t1 t2", "t3"]


@pytest.fixture(autouse=True)
def world():
    with reading(TEXTS, lambda *_: None):
        yield


def test_a_table_has_the_columns_that_are_named_somewhere():
    df = pandas.read_csv("nowhere.csv").dropna().sample(frac=1.0, random_state=0).sort_index()
    assert df["question"].tolist() == df.answer.tolist() == TEXTS
    assert [row["input_ids"] for _, row in df[["input_ids"]].iterrows()] == [[1, 2], [3]]
    assert pandas.read_parquet(None).shape[0] == 2


def test_a_table_that_is_here_is_read(tmp_path):
    (tmp_path / "there.csv").write_text("a,b\n1,2\n")
    assert pandas.read_csv(tmp_path / "there.csv").to_dict("records") == [{"a": 1, "b": 2}]
    (tmp_path / "empty.csv").write_text("")
    with pytest.raises(pandas.errors.EmptyDataError):
        pandas.read_csv(tmp_path / "empty.csv")


def test_a_file_that_cannot_be_read_names_none(tmp_path):
    (tmp_path / "broken.py").write_text("def (")
    assert columns(str(tmp_path / "broken.py")) == columns("no/such/file.py") == []
