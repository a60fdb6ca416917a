"""A worker process that cuts documents into examples. It loads the tokenizers and never torch.

Started anew, not forked: the process that asks has threads, and perhaps a GPU.
"""

from __future__ import annotations

import os
import pickle
import queue
import subprocess
import sys
from collections import deque
from collections.abc import Generator, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from types import TracebackType
from typing import BinaryIO

from sad.align.columns import Columns, packed
from sad.align.example import Counts, Readers, Written, cut

Cut = tuple[Columns, Counts]

AHEAD = 2
"""Chunks in work or done for each process: what is not asked for yet waits, so that memory stays flat."""

DIED = "a process that prepares the text died; is there enough memory?"

BEGIN = (
    "import signal; [signal.signal(s, signal.SIG_IGN) for s in (signal.SIGINT, signal.SIGTERM)]; "
    "from sad.align.worker import main; main()"
)
"""A Ctrl-C, and the SIGTERM of a scheduler, reach every process of a job: a worker leaves it to whoever asks it, and
ends when that one does, with its pipes."""


class Workers:
    """Processes that cut chunks of documents; with 0 of them it is done here. A context: they end with it."""

    def __init__(self, readers: Readers, max_length: int, count: int) -> None:
        self._task = (readers, max_length)
        self._idle: queue.SimpleQueue[subprocess.Popen[bytes]] = queue.SimpleQueue()
        self._processes: list[subprocess.Popen[bytes]] = []
        self._count = count

    def __enter__(self) -> Workers:
        task = pickle.dumps(self._task) if self._count else b""
        try:
            for _ in range(self._count):
                process = _start()
                self._processes.append(process)
                self._idle.put(process)
            for process in self._processes:
                assert process.stdin is not None
                process.stdin.write(task)
                process.stdin.flush()
        except BaseException as error:
            self.__exit__(type(error), error, None)
            if isinstance(error, BrokenPipeError):
                raise RuntimeError(DIED) from None
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._processes:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    # what was still to be sent, nobody reads
                    with suppress(OSError):
                        pipe.close()

    def cut(self, chunks: Iterable[Sequence[Written]]) -> Generator[Cut]:
        """Yield what each chunk gives, in their order."""
        if not self._count:
            for chunk in chunks:
                some, counts = cut(chunk, *self._task)
                yield packed(some), counts
            return
        waiting: deque[Future[Cut]] = deque()
        with ThreadPoolExecutor(self._count) as threads:
            try:
                for chunk in chunks:
                    waiting.append(threads.submit(self._ask, chunk))
                    if len(waiting) >= AHEAD * self._count:
                        yield waiting.popleft().result()
                while waiting:
                    yield waiting.popleft().result()
            finally:
                for left in waiting:
                    left.cancel()

    def _ask(self, chunk: Sequence[Written]) -> Cut:
        process = self._idle.get()
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            pickle.dump(chunk, process.stdin)
            process.stdin.flush()
            answer: Cut | str = pickle.load(process.stdout)
        except (EOFError, OSError, pickle.UnpicklingError):
            raise RuntimeError(DIED) from None
        finally:
            # also one that died: whoever takes it next is told so, and does not wait for ever
            self._idle.put(process)
        if isinstance(answer, str):
            raise RuntimeError(f"a process that prepares the text failed: {answer}")
        return answer


def serve(asks: BinaryIO, answers: BinaryIO) -> None:
    """Read the task, then chunk after chunk until there is none; answer each."""
    readers, max_length = pickle.load(asks)
    while True:
        try:
            chunk = pickle.load(asks)
        except EOFError:
            return
        try:
            some, counts = cut(chunk, readers, max_length)
            answer: Cut | str = packed(some), counts
        except Exception as error:
            # the one who asked tells of it
            answer = f"{type(error).__name__}: {error}"
        pickle.dump(answer, answers, protocol=pickle.HIGHEST_PROTOCOL)
        answers.flush()


def _start() -> subprocess.Popen[bytes]:
    # one thread each: the processes are what runs side by side
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "TOKENIZERS_PARALLELISM": "false"}
    env["OMP_NUM_THREADS"] = "1"
    # not from the folder that we are in: what lies there may be named like one of Python's own modules
    return subprocess.Popen([sys.executable, "-P", "-c", BEGIN], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env)


def main() -> None:
    """Serve whoever started this process, and nobody else may write where the answers go."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    serve(sys.stdin.buffer, answers)
