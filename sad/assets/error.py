"""The error that fetching or converting an asset raises."""

from __future__ import annotations

from sad.errors import UserError


class AssetError(UserError):
    """An asset cannot be had; one line says why and what to do."""
