"""A data set that makes ids and labels of its texts: it is built over a file, or a list, that has them."""

from __future__ import annotations

import importlib
import inspect
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sad.judge.collators.batch import OtherBatchError, WrongBatchError
from sad.judge.collators.prepares import padded
from sad.judge.judging import Code, file_of, source
from sad.judge.stand_in import NeedsAdapterError

FILE = re.compile(r"file|path|parquet|jsonl?($|s$|_)")
LIST = re.compile(r"^(\w+_)?(data|dataset|data_?list|data_?dict|examples|samples|records|conversations|dialogues)$")
"""What a parameter is called that is a file of texts, or the texts."""
READS_LIST = re.compile(r"json\.load\(|jload\(")
READS_LINES = re.compile(r"readlines|for \w+ in (f|fp|fin|file|reader)\b|jsonl|splitlines|lines=True")
READS = re.compile(rf"{READS_LIST.pattern}|{READS_LINES.pattern}|read_parquet")
MAPPED = re.compile(r"\.map\(|column_names|\.select\(|\.filter\(")


def is_data(target: Any) -> bool:  # noqa: ANN401 - anything that is judged
    """Whether a class is a data set of places, and no collator."""
    if not isinstance(target, type):
        return False
    own = {name for base in target.__mro__[:-1] for name in vars(base)}
    return {"__getitem__", "__len__"} <= own and "__call__" not in own


def takes(every: Sequence[inspect.Parameter]) -> tuple[str, ...]:
    """Return which parameter is the texts, or their file. Raises UserError where no name tells."""
    for like in (FILE, LIST):
        for needed in (True, False):
            found = [p.name for p in every if like.search(p.name.lower()) and (p.default is p.empty) is needed]
            if found:
                return (found[0],)
    raise NeedsAdapterError("no parameter is its texts or their file, by name")


def batch(code: Code, features: Sequence[Any], names: Sequence[str], settings: Mapping[str, Any], pad: int) -> Any:  # noqa: ANN401
    """Return what the data set makes of the features, as one padded batch.

    Raises whatever it raises, and ``WrongBatchError`` for features that no file has or rows that have no ids.
    """
    target: Any = code.target
    if not all(isinstance(one, Mapping) for one in features):
        raise WrongBatchError("the rows of a file are dicts")
    # a file may have others, which read otherwise
    text = next((one for one in (source(code), file_of(code)) if READS.search(one)), "")
    with TemporaryDirectory() as folder, _loaded(target, features):
        given: Any = list(features)
        if FILE.search(names[0].lower()):
            given = str(_written(features, Path(folder), text))
        elif MAPPED.search(source(code)):
            given = importlib.import_module("datasets").Dataset.from_list(given)
        made = target(**{names[0]: given}, **settings)
        rows = [made[place] for place in range(len(made))]
    if not rows:
        raise OtherBatchError("its data set has no rows of the texts here")
    return padded(rows, pad)


def _written(features: Sequence[Any], folder: Path, text: str) -> Path:
    """Write the texts in the form that a source reads: parquet, a list in JSON, or a line of JSON for each."""
    if "read_parquet" in text:
        path = folder / "texts.parquet"
        importlib.import_module("pandas").DataFrame(list(features)).to_parquet(path)
        return path
    whole = READS_LIST.search(text) and not READS_LINES.search(text)
    path = folder / ("texts.json" if whole else "texts.jsonl")
    lines = "".join(json.dumps(one) + "\n" for one in features)
    path.write_text(json.dumps(list(features)) if whole else lines, encoding="utf-8")
    return path


@contextmanager
def _loaded(target: Any, features: Sequence[Any]) -> Iterator[None]:  # noqa: ANN401 - a class
    """As long as it is open, `load_dataset` of its module gives the texts: that of datasets keeps a copy of each."""
    space: dict[str, Any] = getattr(target.__init__, "__globals__", {})
    before = space.get("load_dataset")
    if before is None:
        yield
        return
    space["load_dataset"] = lambda *_, **__: importlib.import_module("datasets").Dataset.from_list(list(features))
    try:
        yield
    finally:
        space["load_dataset"] = before
