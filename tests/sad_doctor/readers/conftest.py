from collections.abc import Callable, Iterable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from sad_doctor.readers.source import Source
from sad_doctor.run import Run

Slices = Iterable[bytes]


@pytest.fixture(scope="session")
def runs() -> Path:
    return Path(__file__).resolve().parents[3] / "fixtures" / "runs"


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str | bytes], Path]:
    def write(name: str, text: str | bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Callable[[Path], Source], bytes], Run]:
    """Reads bytes at once."""
    folder = tmp_path_factory.mktemp("whole")

    def whole(opened: Callable[[Path], Source], data: bytes) -> Run:
        (folder / "log").write_bytes(data)
        source = opened(folder / "log")
        source.poll()
        return source.run()

    return whole


@pytest.fixture(scope="session")
def followed(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Callable[[Path], Source], Slices], Run]:
    """Writes a file slice by slice, looking at it after each."""
    folder = tmp_path_factory.mktemp("followed")

    def followed(opened: Callable[[Path], Source], slices: Slices) -> Run:
        path = folder / "log"
        path.write_bytes(b"")
        source = opened(path)
        with path.open("ab", buffering=0) as file:
            for one in slices:
                file.write(one)
                source.poll()
                source.run()
        return source.run()

    return followed


@pytest.fixture(scope="session")
def same() -> Callable[[Run, Run], None]:
    """Asserts that two runs tell the same, whatever the paths they were read from."""

    def same(first: Run, second: Run) -> None:
        assert list(first.columns) == list(second.columns)
        for name, column in first.columns.items():
            np.testing.assert_array_equal(column.step, second.columns[name].step, err_msg=name)
            np.testing.assert_array_equal(column.value, second.columns[name].value, err_msg=name)
        for field in ("events", "facts", "notes", "tail", "format"):
            assert getattr(first, field) == getattr(second, field)

    return same


@pytest.fixture(scope="session")
def cut() -> Callable[[bytes, list[int]], list[bytes]]:
    """Cuts bytes at the given places."""

    def cut(data: bytes, places: list[int]) -> list[bytes]:
        ends = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
        return [data[a:b] for a, b in pairwise(ends)]

    return cut


@pytest.fixture
def foreign():
    """The run that other people's libraries wrote."""
    return Path(__file__).resolve().parents[3] / "fixtures" / "foreign"
