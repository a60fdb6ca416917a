"""The bytes that each token stands for."""

from __future__ import annotations

import hashlib
import json
from typing import Any


def _alphabet() -> dict[str, int]:
    keep = [*range(33, 127), *range(161, 173), *range(174, 256)]
    table = {chr(b): b for b in keep}
    extra = [b for b in range(256) if b not in keep]
    return table | {chr(256 + i): b for i, b in enumerate(extra)}


def token_bytes(tokenizer: Any) -> list[bytes | None]:  # noqa: ANN401
    table = _alphabet()
    vocab = tokenizer.get_vocab()
    out: list[bytes | None] = [None] * (max(vocab.values()) + 1)
    special = set(tokenizer.all_special_ids)
    for token, i in vocab.items():
        if i not in special and all(c in table for c in token):
            out[i] = bytes(table[c] for c in token)
    return out


def tokenizer_fingerprint(tokenizer: Any) -> str:  # noqa: ANN401
    return hashlib.sha256(
        json.dumps(json.loads(tokenizer.backend_tokenizer.to_str()), sort_keys=True).encode()
    ).hexdigest()
