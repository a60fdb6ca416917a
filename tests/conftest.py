"""One thread, no network, caches of our own; the slow things that several tests share. Imports nothing heavy itself."""

from __future__ import annotations

import gc
import json
import os
import signal
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from sad.align.reader import Reader

# read by the libraries when they are imported
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_DATASETS_CACHE"] = str(Path(tempfile.gettempdir()) / f"sad-tests-datasets-{os.getuid()}")
os.environ["SAD_CACHE"] = str(Path(tempfile.gettempdir()) / f"sad-tests-cache-{os.getuid()}")
os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ.setdefault("OMP_NUM_THREADS", "1")
# a shell that starts the tests in the background lets them ignore Ctrl-C, and their children too
signal.signal(signal.SIGINT, signal.default_int_handler)
# kernels for a GPU are interpreted on the processor
os.environ.setdefault("TRITON_INTERPRET", "1")

# what a test writes need not outlive the loss of power, which no test brings about; a disk takes milliseconds for that
os.fsync = lambda _: None  # type: ignore[assignment, misc]

# the same examples every time, and no deadline: a busy machine is not a fault of the code
settings.register_profile(
    "sad", deadline=None, derandomize=True, max_examples=40, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("sad")


def pytest_collection_finish() -> None:
    """Let no collection of garbage look at what was imported: it would take half a second, hundreds of times."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def plant(monkeypatch: pytest.MonkeyPatch) -> Callable[[ModuleType, Callable[..., Any]], None]:
    """Put a loss in the place of the row mathematics of `kd` or `lm`, through which every path trains.

    The loss takes logits, the target and, for `kd`, the temperature, and returns one scalar; autograd gives the
    gradient, times temperature squared. Each row gets an equal part of the scalar.
    """

    def put(module: ModuleType, loss: Callable[..., Any]) -> None:
        import torch

        from sad.losses import kd
        from sad.rows import Rows

        def rows(logits: torch.Tensor, target: torch.Tensor, *more: Any, **_: Any) -> Rows:
            leaf = logits.detach().clone().requires_grad_()
            heat = [one.temperature for one in more if isinstance(one, kd.Divergence)]
            target = target.log_softmax(-1) if heat else target
            with torch.enable_grad():
                total = loss(leaf, target, *heat)
            (slope,) = torch.autograd.grad(total, leaf)
            return Rows(total.detach().expand(len(leaf)) / len(leaf), slope * (heat[0] if heat else 1.0) ** 2)

        monkeypatch.setattr(module, "rows", rows)

    return put


@pytest.fixture(scope="session")
def sentencepiece() -> Reader:
    """A reader in the shape of Llama 2: Metaspace, bytes for what the vocabulary lacks, and a begin mark."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    from sad import tiny
    from sad.align.reader import Reader

    learner = Tokenizer(models.BPE())
    learner.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=True)
    # it has seen no character beyond Latin: those go to bytes
    seen = "".join(c for c in tiny.TEXT if c < "\u0250")
    learner.train_from_iterator([seen], trainers.BpeTrainer(vocab_size=260, show_progress=False))
    model = json.loads(learner.to_str())["model"]
    names = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), *model["vocab"]]
    vocabulary = {name: i for i, name in enumerate(names)}
    merges = [tuple(merge) for merge in model["merges"]]
    made = Tokenizer(models.BPE(vocabulary, merges, unk_token="<unk>", byte_fallback=True))
    made.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    made.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    made.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    return Reader(PreTrainedTokenizerFast(tokenizer_object=made, bos_token="<s>", eos_token="</s>", unk_token="<unk>"))


@pytest.fixture(scope="session")
def folding() -> Reader:
    """A reader that changes the text first (compatibility forms, lower case) and knows words only by their pieces."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    from sad import tiny
    from sad.align.reader import Reader

    made = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    made.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(vocab_size=200, special_tokens=["[UNK]", "[SEP]"], show_progress=False)
    made.train_from_iterator([tiny.TEXT], trainer)
    return Reader(PreTrainedTokenizerFast(tokenizer_object=made, unk_token="[UNK]", eos_token="[SEP]"))


@pytest.fixture(scope="session")
def pair_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tiny pair in Hugging Face format, `teacher` and `student`, and `text.txt`."""
    from sad import tiny

    made = tmp_path_factory.mktemp("pair")
    pair = tiny.pair()
    for name in ("teacher", "student"):
        getattr(pair, name).save_pretrained(made / name)
        getattr(pair.readers, name).tokenizer.save_pretrained(made / name)
    paragraphs = [paragraph for _ in range(40) for paragraph in tiny.TEXT.strip().split("\n\n")]
    (made / "text.txt").write_text("\n\n".join(paragraphs), encoding="utf-8")
    return made
