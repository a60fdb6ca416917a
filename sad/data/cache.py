"""Makes examples of documents once and keeps them on disk, where the same documents and tokenizers find them again."""

from __future__ import annotations

import hashlib
import os
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

from sad.align.example import Counts, Example, Readers, Written, cut, ranges, text_of
from sad.align.worker import Workers
from sad.assets.store import cache_folder
from sad.data.prepared import Prepared, Writer
from sad.errors import UserError

FORMAT = "1"
"""Goes up when the same documents give other examples or the file format changes, so that older files are not used."""

CHUNK = 64
"""Documents tokenised at once: enough to keep the tokenizer's threads busy in little memory."""

CHARACTERS = 1 << 20
"""Characters of a chunk, at the most, unless one document has more."""

PARTIAL = ".partial-"
"""Prefix of the name of a file that is being written."""

LEFT_BEHIND = 24 * 3600.0
"""Seconds after which such a file is abandoned: its writer was killed."""

SMALL = 8 << 20
"""Bytes of text below which a separate process takes longer to start than the work itself."""


def examples(
    texts: Sequence[Written], readers: Readers, max_length: int, limit: int | None = None, name: str = "the text"
) -> list[Example]:
    """Read texts with both tokenizers and cut them into examples, at most ``limit``, here and now.

    Raises UserError, with the ``name`` of the texts, if none gives one: nothing in common between the tokenizers,
    too little text, or nothing to learn in it.
    """
    found: list[Example] = []
    for chunk in chunks(texts):
        found += cut(chunk, readers, max_length)[0]
        if limit is not None and len(found) >= limit:
            return found[:limit]
    if not found:
        raise UserError(nothing(name))
    return found


def prepare(
    documents: Iterable[Written],
    readers: Readers,
    max_length: int,
    folder: Path | None = None,
    *,
    limit: int | None = None,
    workers: int | None = None,
    name: str = "the text",
) -> Prepared:
    """Return the examples of documents from the cache, or make them in ``workers`` processes and put them there.

    The documents are read twice, so they must be something that can be: no generator. ``folder`` None is
    ``prepared`` in the folder of everything that sad keeps. Where it cannot be written, the examples stay in memory.
    Raises UserError as :func:`examples` does, and for a full disk.
    """
    key, size = content_key(documents, readers, max_length, limit)
    place = (folder or cache_folder() / "prepared") / f"{key}.arrow"
    how_many = default_workers(size) if workers is None else workers
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        writable = os.access(place.parent, os.W_OK)
    except OSError:
        writable = False
    if not writable:
        made = _fresh(None, key, documents, readers, max_length, limit, how_many)
        return _checked(made, name, f"{place.parent} cannot be written: not kept for the next run")
    with _alone(place):
        if (kept := _kept(place, key, limit)) is not None:
            return _checked(kept, name)
        try:
            return _checked(_fresh(place, key, documents, readers, max_length, limit, how_many), name)
        except OSError as error:
            told = f"the prepared text cannot be written to {place.parent}: {error.strerror or error}"
            raise UserError(f"{told}; make room, or set data.cache or SAD_CACHE to another folder") from None


def content_key(
    documents: Iterable[Written], readers: Readers, max_length: int, limit: int | None = None
) -> tuple[str, int]:
    """Return a hash of all that decides the examples, and the bytes of text."""
    digest, size = begun(readers, max_length, limit), 0
    for document in documents:
        size += take_in(digest, document)
    return digest.hexdigest(), size


def begun(readers: Readers, max_length: int, limit: int | None = None) -> hashlib.blake2b:
    """Return a hash of all that decides the examples, the documents left out."""
    digest = hashlib.blake2b(digest_size=16)
    for reader in (readers.student, readers.teacher):
        digest.update(repr((reader.fingerprint, reader.prefix, reader.eos)).encode())
    digest.update(repr((FORMAT, max_length, limit)).encode())
    return digest


def take_in(digest: hashlib.blake2b, document: Written) -> int:
    """Add a document to a hash; return the bytes of its text."""
    text, learned = text_of(document).encode("utf-8", "surrogatepass"), ranges(document)
    told = "whole" if learned is None else learned.tolist()
    # lengths first, or two documents could have the hash of one that joins them
    digest.update(f"\n{len(text)} {told}\n".encode())
    digest.update(text)
    return len(text)


def chunks(documents: Iterable[Written]) -> Iterator[list[Written]]:
    """Group documents, in their order, into chunks of bounded size."""
    some: list[Written] = []
    size = 0
    for document in documents:
        some.append(document)
        size += len(text_of(document))
        if len(some) >= CHUNK or size >= CHARACTERS:
            yield some
            some, size = [], 0
    if some:
        yield some


def default_workers(size: int) -> int:
    """Return how many worker processes ``size`` bytes of text are worth: none for little text, at most one a core."""
    there = cores()
    return 0 if size < SMALL or there == 1 else min(there, size // SMALL + 1)


def cores() -> int:
    """Return the cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def nothing(name: str, counts: Counts | None = None) -> str:
    """Return the error that says, with the counts, why a text gives no example."""
    if counts is not None and counts.unlabelled_windows:
        return f"{name} has no token that is to be learned: look at its roles and at data.max_length"
    never = "the two tokenizers never end a token at the same place in it"
    return f"{name} is too short, or {never}: give more text, or another pair"


def _checked(made: Prepared, name: str, more: str = "") -> Prepared:
    if not len(made):
        raise UserError(nothing(name, made.counts))
    if more:
        made.told = f"{made.told}; {more}"
    return made


def _kept(place: Path, key: str, limit: int | None) -> Prepared | None:
    """Open what is in the cache; None for a file that cannot be read, which is then made again."""
    if not place.exists():
        return None
    try:
        found = Prepared(place, f"prepared text taken from the cache, {place}", limit)
    except (OSError, ValueError, KeyError):
        return None
    return found if found.fingerprint == key else None


def _fresh(
    place: Path | None,
    key: str,
    documents: Iterable[Written],
    readers: Readers,
    max_length: int,
    limit: int | None,
    workers: int,
) -> Prepared:
    """Prepare; write under a temporary name, then rename: it is there whole or not at all."""
    if place is None:
        writer = Writer(None, key)
        told = _write(writer, documents, readers, max_length, limit, workers)
        return Prepared(writer.close(), told, limit)
    with aside(place.parent, place.stem) as hidden:
        writer = Writer(hidden, key)
        told = _write(writer, documents, readers, max_length, limit, workers)
        writer.close()
        sync(hidden)
        hidden.replace(place)
    return Prepared(place, f"{told}, kept in {place}", limit)


def _write(
    writer: Writer,
    documents: Iterable[Written],
    readers: Readers,
    max_length: int,
    limit: int | None,
    workers: int,
) -> str:
    """Write examples until the documents end or ``limit`` are there; return how it went."""
    started, found = time.perf_counter(), 0
    with Workers(readers, max_length, workers) as pool, closing(pool.cut(chunks(documents))) as done:
        for some, counts in done:
            writer.write(some, counts)
            found += len(some)
            if limit is not None and found >= limit:
                break
    return f"text prepared in {time.perf_counter() - started:.1f} s by {max(1, workers)} process{'es' * (workers > 1)}"


@contextmanager
def aside(folder: Path, name: str) -> Iterator[Path]:
    """Give a temporary file to write to; it is removed afterwards unless it was renamed."""
    handle, made = tempfile.mkstemp(prefix=f"{PARTIAL}{name}-", suffix=".arrow", dir=folder)
    os.close(handle)
    try:
        yield Path(made)
    finally:
        Path(made).unlink(missing_ok=True)


def sweep(folder: Path) -> None:
    """Remove what was left half written long ago; what cannot be removed stays."""
    for left in folder.glob(f"{PARTIAL}*"):
        with suppress(OSError):
            if time.time() - left.stat().st_mtime > LEFT_BEHIND:
                left.unlink()


@contextmanager
def _alone(place: Path) -> Iterator[None]:
    """Let one process prepare while the others of this machine wait for what it makes.

    Where files cannot be locked each prepares for itself: wasteful, and still right.
    """
    with ExitStack() as stack:
        try:
            import fcntl

            # a disk that is full may have no room for the lock either
            file = stack.enter_context((place.parent / f".{place.stem}.lock").open("w"))
            fcntl.flock(file, fcntl.LOCK_EX)
            # left by a process that was killed: under the lock nobody else writes these
            for left in place.parent.glob(f"{PARTIAL}{place.stem}-*"):
                left.unlink(missing_ok=True)
        except (ImportError, OSError):
            pass
        yield


def sync(path: Path) -> None:
    """Wait until a file is on the disk."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
