"""What is laid beside a run: a band, a good run; from the command line, else from a ``sad.toml``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from sad_doctor.check import check
from sad_doctor.finding import Comparison, Report
from sad_doctor.readers import Source, Unreadable, open_log, settle
from sad_doctor.readers.renamed import named_as_known
from sad_doctor.run import Run
from sad_doctor.settings import Settings

if TYPE_CHECKING:
    from sad_doctor.band import Band

Compare = Callable[[Run], tuple[Comparison, ...]]
Judge = Callable[[Run], Report]


def read(source: Source) -> Run:
    """Return the run of a log that is read once. Raises Unreadable."""
    source.poll()
    settle(source)
    return source.run()


def comparing(
    band: str | Path | None,
    baseline: str | Path | None,
    told: Settings,
    columns: Mapping[str, str] | None = None,
    judge: Judge = check,
) -> tuple[Compare, Path | None]:
    """Return what lays things beside a run, and where the good run lies.

    ``columns`` are the names that were given for the run's, theirs to ours: the good run's of these names are the same.
    ``judge`` says whether the good run is one.
    Paths in a file are relative to it, and what is wrong with them names the file. Raises ValueError and Unreadable.
    Nothing is loaded that is not asked for.
    """
    beside: list[Callable[[Run], Comparison]] = []
    if baseline is not None and not str(baseline):
        raise ValueError("--baseline: the name of a run is empty: name a good run")
    good = told.baseline_path if baseline is None else Path(baseline)
    if band is not None or told.band is not None:
        from sad_doctor.band import beside as beside_band

        beside.append(partial(beside_band, band=_band(band, told)))
    if good is not None:
        from sad_doctor.baseline import beside as beside_run
        from sad_doctor.baseline import flag_of

        try:
            source = open_log(good)
            read(source)
            run = named_as_known(source, columns or {}).run()
            beside.append(partial(beside_run, good=run, flag=flag_of(judge(run))))
        except Unreadable as problem:
            raise Unreadable(f"{f'{told.file}: ' if baseline is None else '--'}baseline: {problem}") from None
    return (lambda run: tuple(one(run) for one in beside)), good


def _band(band: str | Path | None, told: Settings) -> Band:
    from sad_doctor.band import BANDS, band_of

    if band is not None:
        return band_of(band)
    assert told.band is not None
    try:
        return band_of(told.band if told.band in BANDS else told.beside(told.band))
    except ValueError as problem:
        raise ValueError(f"{told.file}: {str(problem).removeprefix('--')}") from None
