"""Whether the hub can be reached: without a network its client tries for half a minute before it says so."""

from __future__ import annotations

import socket
from functools import cache
from urllib.parse import urlsplit
from urllib.request import getproxies

PATIENCE = 5.0
"""Seconds to wait for a connection."""


@cache
def reachable() -> bool:
    """Whether something answers at the hub's address; asked once. Behind a proxy only the client can tell: True."""
    from huggingface_hub import constants

    address = urlsplit(constants.ENDPOINT)
    if getproxies():
        return True
    port = address.port or (80 if address.scheme == "http" else 443)
    try:
        socket.create_connection((address.hostname or "", port), PATIENCE).close()
    except OSError:
        return False
    return True


def ready() -> bool:
    """Return whether the hub can be reached; if not, make the libraries use their cache without trying."""
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return False
    if reachable():
        return True
    import datasets.config

    # the libraries read both on every request
    constants.HF_HUB_OFFLINE = True
    datasets.config.HF_HUB_OFFLINE = True
    return False
