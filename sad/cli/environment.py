"""What a bug report should say of the machine: versions, system, memory, accelerators, and where things are kept.

Nothing secret is among it: of the environment only the names below are told, and the home folder is shown as ``~``.
"""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from sad.version import __version__
from sad_doctor.views.plain import line

SCHEMA = 1
"""Goes up with every change of the shape of the JSON."""
LIBRARIES = ("torch", "transformers", "tokenizers", "datasets", "accelerate", "safetensors", "numpy")
"""Libraries whose version may matter to what a run does."""
OPTIONAL = (
    *("triton", "orjson", "pyarrow", "huggingface-hub", "textual", "gguf", "bitsandbytes", "flash-attn", "kernels"),
    *("peft", "deepspeed", "wandb", "trackio", "tensorboard"),
)
"""Libraries that change something where they are installed."""
TOLD = (
    *("SAD_CACHE", "XDG_CACHE_HOME", "HF_HOME", "HF_HUB_CACHE", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"),
    *("CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS", "RANK", "WORLD_SIZE", "LOCAL_RANK", "PYTORCH_CUDA_ALLOC_CONF"),
    *("TERM", "NO_COLOR", "COLUMNS", "LANG", "LC_ALL", "PYTHONIOENCODING", "PYTHONUTF8", "PYTHONPATH"),
)
"""Variables of the environment that are told."""


def versions(names: tuple[str, ...] = LIBRARIES) -> dict[str, str]:
    """Return the versions of those libraries that are installed, without importing one."""
    found = {}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def headline() -> str:
    """Return the versions that matter, in one line."""
    told = {"Python": platform.python_version(), **versions()}
    return f"sad {__version__} ({', '.join(f'{name} {of}' for name, of in told.items())})"


def facts() -> dict[str, Any]:
    """Return everything as plain values. Loads torch, to ask it for its accelerators."""
    return {
        "schema": SCHEMA,
        "sad": __version__,
        "python": {"version": platform.python_version(), "executable": _short(sys.executable)},
        "installed": _short(str(Path(__file__).parents[1])),
        "libraries": {**versions(), **versions(OPTIONAL)},
        "system": platform.platform(),
        "processor": {"name": _processor(), "cores": os.cpu_count(), "usable": _usable()},
        "memory": _memory(),
        "accelerators": _accelerators(),
        "folders": {name: _short(path) for name, path in _folders().items()},
        "environment": {name: _short(os.environ[name]) for name in TOLD if name in os.environ},
        "output": {"terminal": sys.stdout.isatty(), "encoding": sys.stdout.encoding},
    }


def lines(told: Mapping[str, Any]) -> Iterator[str]:
    """Yield the facts for people, a line each."""
    for name, value in told.items():
        if name == "schema":
            continue
        if isinstance(value, Mapping):
            shown = ", ".join(f"{key} {one}" for key, one in value.items())
        elif isinstance(value, list):
            shown = ", ".join(map(str, value))
        else:
            shown = str(value)
        yield line(f"{name}: {shown or 'none'}", 2000)


def _short(text: str) -> str:
    """The text, with the home folder written as ``~``."""
    try:
        home = str(Path.home())
    except RuntimeError:
        return line(text)
    return line(text.replace(home, "~") if len(home) > 1 else text)


def _processor() -> str:
    try:
        known = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        known = []
    named = (one.partition(":")[2].strip() for one in known if one.startswith("model name"))
    return line(next(named, "") or platform.processor() or platform.machine())


def _usable() -> int | None:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def _memory() -> dict[str, str]:
    import psutil  # type: ignore[import-untyped]

    known = psutil.virtual_memory()
    return {"total": f"{known.total / 1e9:.1f} GB", "available": f"{known.available / 1e9:.1f} GB"}


def _accelerators() -> list[str]:
    try:
        import torch
    except Exception as error:
        # a broken installation is what a report is written for
        return [line(f"torch cannot be imported: {type(error).__name__}: {error}")]
    found = []
    if torch.cuda.is_available():
        for number in range(torch.cuda.device_count()):
            of = torch.cuda.get_device_properties(number)
            found.append(f"{of.name}, {of.total_memory / 1e9:.0f} GB, capability {of.major}.{of.minor}")
        found.append(f"CUDA {torch.version.cuda or torch.version.hip}")
    if torch.backends.mps.is_available():
        found.append("mps")
    return found


def _folders() -> dict[str, str]:
    """Where what is fetched and prepared is kept."""
    from sad.assets.store import cache_folder
    from sad.errors import UserError

    try:
        own = str(cache_folder())
    except UserError as error:
        own = str(error)
    try:
        from huggingface_hub import constants

        hub = str(constants.HF_HUB_CACHE)
    except Exception:
        hub = "not known"
    return {"sad": own, "hub": hub, "working": _working()}


def _working() -> str:
    try:
        return str(Path.cwd())
    except OSError:
        return "deleted"
