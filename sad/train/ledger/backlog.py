"""A recorder that does not end the run when the disk fails: lines wait in memory until they can be written."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import TracebackType
from typing import Self

from sad.train.saving import disk
from sad_doctor import names
from sad_doctor.record import Recorder

MOST = 100_000
"""Lines in memory; the oldest ones are lost then."""
DELETED = "the run's folder was deleted while it ran: what was in it is lost; it is made again, and the run goes on"


class Backlog:
    """Writes through a ``recorder``. Troubles are put to ``say``, a line each; ``restore`` makes a folder again that
    somebody has deleted, and raises OSError where it cannot.
    """

    def __init__(self, recorder: Recorder, say: Callable[[str], object], restore: Callable[[], object]) -> None:
        self._recorder, self._say, self._restore = recorder, say, restore
        self._waiting: deque[tuple[int | None, Callable[[], None]]] = deque()
        self._lost = 0
        self._troubled = False

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Append one line with the values of ``step``, now or later. Raises TypeError for a value that is no number."""
        now = time.time()
        self._put(step, lambda: self._recorder.log(step, values, now))

    def event(self, kind: str, message: str = "", step: int | None = None) -> None:
        """Append an event, now or later."""
        now = time.time()
        self._put(step, lambda: self._recorder.event(kind, message, step, now))

    def heartbeat(self) -> None:
        """Rewrite `run.json`; if that fails, the next rewrite makes up for it."""
        try:
            self._recorder.heartbeat()
        except OSError as error:
            self._trouble(error)

    def forgot(self, after: int) -> None:
        """Go on in files from which somebody has dropped the steps ``after`` that one. Raises OSError."""
        self._waiting = deque(one for one in self._waiting if one[0] is None or one[0] <= after)
        self._recorder.reopen()

    def close(self, status: str = "finished") -> None:
        """Write the last status and close the files, and say what is lost."""
        try:
            self._recorder.close(status)
        except OSError as error:
            self._trouble(error)
        self._tell_the_lost()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # its own troubles were reported already, and must not hide what ended the run
        with suppress(OSError):
            self._recorder.__exit__(kind, error, trace)
        self._tell_the_lost()

    def _tell_the_lost(self) -> None:
        if left := len(self._waiting) + self._lost:
            self._say(f"{left:,} lines of the record are lost: they could not be written until the end")
            self._waiting.clear()
            self._lost = 0

    def _put(self, step: int | None, write: Callable[[], None]) -> None:
        self._waiting.append((step, write))
        try:
            self._make_again()
            while self._waiting:
                self._waiting[0][1]()
                self._waiting.popleft()
        except OSError as error:
            self._trouble(error)
            if len(self._waiting) > MOST:
                self._waiting.popleft()
                self._lost += 1
        except BaseException:
            # a line that can never be written must not block the others
            self._waiting.popleft()
            raise
        else:
            self._recovered()

    def _make_again(self) -> None:
        if not self._recorder.deleted:
            return
        self._restore()
        self._recorder.reopen()
        self._recorder.heartbeat()
        self._waiting.appendleft((None, lambda: self._recorder.event(names.EVENT_WARNING, DELETED)))
        self._say(DELETED)

    def _trouble(self, error: OSError) -> None:
        if not self._troubled:
            self._say(
                f"the record cannot be written ({disk.told(error)}): the run goes on, and keeps its lines in memory"
            )
        self._troubled = True

    def _recovered(self) -> None:
        if not self._troubled:
            return
        self._troubled = False
        told = "the record could not be written for a while, and is again" + (
            f"; {self._lost:,} lines are lost" if self._lost else "; none of its lines is lost"
        )
        self._lost = 0
        self._say(told)
        self.event(names.EVENT_WARNING, told)
