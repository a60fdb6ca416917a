"""What the data pipeline costs and saves: preparation, memory, the share of real tokens, the wait for data.

python benchmarks/pipeline.py prepare      tokens a second of a core, and the alignment's share of it
python benchmarks/pipeline.py memory 300   resident memory while that many MB of text are prepared
python benchmarks/pipeline.py stream 15    memory, and seconds to the first step, of a stream of that many MB
python benchmarks/pipeline.py wait 60      share of a run's time on a stream of so many MB that is waited for windows
python benchmarks/pipeline.py real         share of computed tokens that are real, and of time that is waited
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import numpy as np

from sad import embedded
from sad.align.example import Readers, cut
from sad.align.reader import Reader
from sad.data import Prepared, Streamed, prepare
from sad.data.pools import FIRST, make_pools
from sad.document import Document
from sad.pair import load_tokenizer
from sad.train.plan import make_schedule

LENGTH, PER_STEP = 128, 32
ALL = 10**9


def readers() -> Readers:
    return Readers(
        Reader(load_tokenizer(str(embedded.STUDENT_TOKENIZER))), Reader(load_tokenizer(str(embedded.TEACHER)))
    )


def preparation() -> None:
    pair, texts = readers(), embedded.chapters()
    groups = [texts[i : i + 64] for i in range(0, len(texts), 64)]
    tokens = encoding = whole = 0.0
    for group in groups:
        started = time.process_time()
        for one in (pair.student, pair.teacher):
            one.tokenizer.backend_tokenizer.encode_batch_fast(list(group), add_special_tokens=False)
        between = time.process_time()
        some, _ = cut(group, pair, LENGTH)
        encoding, whole = encoding + between - started, whole + time.process_time() - between
        tokens += sum(len(e.student) + len(e.teacher) for e in some)
    print(f"{tokens / whole / 1e3:.0f}k tokens of both sides a second of a core; alignment {1 - encoding / whole:.0%}")


class Repeated:
    """The embedded text again and again, up to some bytes, each time a little different; never all in memory."""

    def __init__(self, size: int) -> None:
        self._size = size

    def __iter__(self) -> Iterator[Document]:
        done = number = 0
        while done < self._size:
            for text in embedded.chapters():
                yield Document(f"{number} {text}")
                done += len(text)
                number += 1
                if done >= self._size:
                    return


def resident() -> float:
    """MB of this process now, without what is mapped from files."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return sum(int(line.split()[1]) for line in status.splitlines() if line.startswith("RssAnon")) / 1e3


def memory(megabytes: int) -> None:
    pair = readers()
    list(Repeated(1))
    before = resident()
    with TemporaryDirectory() as made:
        started = time.perf_counter()
        some = prepare(Repeated(megabytes * 10**6), pair, LENGTH, Path(made))
        seconds = time.perf_counter() - started
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
        on_disk = sum(p.stat().st_size for p in Path(made).glob("*.arrow")) / 1e6
        tokens = int(some.lengths.sum())
        print(f"{megabytes} MB of text, {len(some):,} windows, {tokens / 1e6:.0f}M tokens of both sides: {some.told}")
        print(
            f"resident {before:.0f} MB before, {resident():.0f} after, {peak:.0f} at the most; {on_disk:.0f} MB on disk"
        )
        print(f"{tokens / seconds / 1e3:.0f}k tokens a second; opened again:", end=" ")
        started = time.perf_counter()
        again = prepare(Repeated(megabytes * 10**6), pair, LENGTH, Path(made))
        print(f"{time.perf_counter() - started:.1f} s, {again.told.split(',')[0]}")


def stream(megabytes: int) -> None:
    pair = readers()
    list(Repeated(1))

    def streamed(folder: str) -> Streamed:
        return Streamed(Repeated(megabytes * 10**6), pair, LENGTH, Path(folder))

    with TemporaryDirectory() as made:
        before, started = resident(), time.perf_counter()
        some = streamed(made)
        some.need(FIRST * PER_STEP)
        first, little = time.perf_counter() - started, len(some)
        with some.going_on(ALL, ALL):
            some.need(ALL)
        whole, peak = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
        print(f"{megabytes} MB: {little:,} windows, of which the first step is one, after {first:.1f} s;", end=" ")
        print(f"all {len(some):,}, for which it waited before, after {whole:.1f} s")
        print(f"resident {before:.0f} MB before, {resident():.0f} after, {peak:.0f} at the most; ", end="")
        print(f"{sum(p.stat().st_size for p in Path(made).rglob('*.arrow')) / 1e6:.0f} MB on disk")
        key, size = some.key_at(ALL), len(some)
        started, again = time.perf_counter(), streamed(made)
        again.need(FIRST * PER_STEP)
        again.take_up(key)
        again.need(size)
        adopted = time.perf_counter() - started
        started, found = time.perf_counter(), streamed(made)
        found.need(ALL)
        read = time.perf_counter() - started
        print(
            f"gone on with at its end: {adopted:.1f} s to the windows of the next step; read again {read:.1f} s", end=""
        )
        started, packed = time.perf_counter(), make_pools(again, ALL, PER_STEP, 1, 0, room=LENGTH)
        packed.key(size // PER_STEP)
        print(f"; in rows of several, of which there are {packed.windows(1) / PER_STEP:.1f} windows each, ", end="")
        print(f"{time.perf_counter() - started:.1f} s more")


def wait(megabytes: int) -> None:
    """Train the embedded pair on a stream that is prepared meanwhile, by one process."""
    from sad.recipe.schema import parse
    from sad.tiny import Silent
    from sad.train.batches.supply import Supply
    from sad.train.loop import train
    from sad.train.plan import make_plan

    steps, asked, took = 80, [0.0], Supply.took

    def counted(self: Any) -> None:
        asked[0] += self.waited
        took(self)

    with TemporaryDirectory() as made:
        plan = make_plan(parse({"train": {"max_steps": steps, "save_every": 10**6, "eval_every": 10**6}}, "it"))
        some = Streamed(Repeated(megabytes * 10**6), plan.pair.readers, LENGTH, Path(made), workers=1)
        some.need(FIRST * plan.schedule().per_step)
        plan = replace(plan, train=some, held_out=plan.held_out[:4], steps=steps)
        waited: list[float] = []
        Supply.took = counted  # type: ignore[method-assign]
        try:
            seconds = timed(plan, Path(made) / "run", Silent(), train, waited) + asked[0]
        finally:
            Supply.took = took  # type: ignore[method-assign]
        print(f"{steps} steps in {seconds:.0f} s, {(waited[0] + asked[0]) / seconds:.1%} waited, {len(some):,} windows")


def real_share(some: Prepared | Streamed, recipe: Any) -> tuple[float, float, int]:
    """Real tokens of an epoch, of all that are computed: the student's, the teacher's; and the steps."""
    schedule = make_schedule(recipe, some)
    mine = np.array([len(e.student) for e in some])
    theirs = np.array([len(e.teacher) for e in some])
    there = np.zeros(2)
    for step in range(schedule.steps_per_epoch):
        for rows in schedule.rows(step):
            for side, sizes in enumerate((mine, theirs)):
                there[side] += len(rows) * max(int(sizes[row].sum()) for row in rows)
    return float(mine.sum() / there[0]), float(theirs.sum() / there[1]), schedule.steps_per_epoch


def uneven(count: int) -> list[Document]:
    """Chats of very uneven lengths: log-normal, as those of public sets are."""
    draw = np.random.default_rng(0)
    verses = "\n".join(embedded.train_text()).split("\n")
    return [
        Document("\n".join(verses[i % len(verses)] for i in range(start, start + max(1, int(size)))))
        for start, size in zip(draw.integers(0, len(verses), count), draw.lognormal(1.0, 1.0, count), strict=True)
    ]


WAYS: dict[str, dict[str, Any]] = {
    "as it comes": {"buckets": False, "prefetch": 0},
    "buckets": {},
    "packed": {"packing": True},
}


def real() -> None:
    from sad.recipe.schema import parse
    from sad.tiny import Silent
    from sad.train.loop import train
    from sad.train.plan import make_plan

    steps = 24
    for name, texts, length in (("embedded", embedded.train_text(), 128), ("uneven", uneven(4000), 512)):
        with TemporaryDirectory() as made:
            some = prepare(_documents(texts), readers(), length, Path(made))
            for way, how in WAYS.items():
                tree: dict[str, Any] = {"data": {"max_length": length}, "train": {"max_steps": steps, **how}}
                recipe = parse(tree, "the benchmark")
                mine, theirs, count = real_share(some, recipe)
                said = f"{name}, {way}: {mine:.1%} of the student's tokens are real, {theirs:.1%} of the teacher's"
                plan = make_plan(recipe)
                plan = replace(plan, train=some, held_out=plan.held_out[:4])
                schedule = plan.schedule()
                tokens = [sum(len(some[i].student) for m in schedule.micro_batches(s) for i in m) for s in range(steps)]
                waited: list[float] = []
                seconds = timed(plan, Path(made) / way, Silent(), train, waited)
                print(f"{said}; {sum(tokens) / seconds:.0f} student tokens/s; {waited[0] / seconds:.1%} waited", count)
            real_stream(name, _documents(texts), length, Path(made))


def real_stream(name: str, texts: Sequence[Document], length: int, folder: Path) -> None:
    """Real tokens of a stream in rows of several windows, of which no more than a pool is known at a time."""
    from sad.recipe.schema import parse

    some = Streamed(texts, readers(), length, folder)
    some.need(ALL)
    recipe = parse({"data": {"max_length": length}, "train": {"max_steps": ALL, "packing": True}}, "the benchmark")
    started = time.perf_counter()
    mine, theirs, count = real_share(some, recipe)
    seconds = time.perf_counter() - started
    told = f"{name}, a stream, packed: {mine:.1%} of the student's tokens are real, {theirs:.1%} of the teacher's"
    print(f"{told}; {count} steps in {seconds:.1f} s")


def timed(plan: Any, folder: Path, watch: Any, train: Any, waited: list[float]) -> float:
    """Seconds of the steps, without evaluations."""
    from sad.data.prefetch import Prefetched
    from sad.train import loop
    from sad.train.step import take_step as shipped

    spent = [0.0]
    leave = Prefetched.__exit__

    def step(*given: Any, **named: Any) -> Any:
        started = time.perf_counter()
        try:
            return shipped(*given, **named)
        finally:
            spent[0] += time.perf_counter() - started

    def ended(self: Any, *given: Any) -> None:
        waited.append(self.waited)
        leave(self, *given)

    folder.mkdir()
    with patch.object(loop, "take_step", step), patch.object(Prefetched, "__exit__", ended):
        train(plan, folder, watch)
    return spent[0] + waited[0]


def _documents(texts: Sequence[str | Document]) -> list[Document]:
    return [one if isinstance(one, Document) else Document(one) for one in texts]


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["prepare"]:
            preparation()
        case ["memory", megabytes]:
            memory(int(megabytes))
        case ["stream", megabytes]:
            stream(int(megabytes))
        case ["wait", megabytes]:
            wait(int(megabytes))
        case ["real"]:
            real()
        case _:
            sys.exit(__doc__)
