"""Keeps the libraries' own progress bars and advice away from what we print."""

from __future__ import annotations

import os


def quiet_libraries() -> None:
    """Silence transformers and the hub client: no bars, no warnings; errors are still raised."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    from huggingface_hub.utils import logging as hub_logging
    from transformers.utils import logging

    hub_logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    logging.set_verbosity_error()
    logging.disable_progress_bar()
