"""A pair of random models, their tokenizers and texts, from Python's own sources alone; kept in a folder."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

LENGTH = 256
ROWS = 96
TEACHER = {"hidden_size": 512, "layers": 8}
STUDENT = {"hidden_size": 256, "layers": 6}
CHAT = "{% for m in messages %}{{ '<|' + m['role'] + '|>' + m['content'] + '<|end|>' }}{% endfor %}"


def sources() -> list[str]:
    """Return the modules of the standard library, largest first."""
    files = sorted(Path(ast.__file__).parent.rglob("*.py"), key=lambda f: (-f.stat().st_size, f.name))
    return [f.read_text(encoding="utf-8", errors="ignore") for f in files[:900] if "site-packages" not in f.parts]


def paragraphs(full: bool) -> list[str]:
    """Return texts that fill their windows, or paragraphs as they come."""
    text = "\n".join(sources()[:40])
    if full:
        # five characters to a token at the most: cut by tokens later
        return [text[start : start + 8 * LENGTH] for start in range(0, 8 * LENGTH * ROWS, 8 * LENGTH)]
    found = [" ".join(p.split()) for p in text.split("\n\n")]
    return [p for p in found if 120 < len(p) < 900][: 4 * ROWS]


def make_tokenizer(folder: Path, size: int, digits: bool) -> Any:
    """Train a byte-level BPE of ``size`` tokens, or load the one that was; ``digits`` stand alone."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import AutoTokenizer, PreTrainedTokenizerFast

    place = folder / f"tokenizer-{size}{'-digits' if digits else ''}"
    if not place.exists():
        made = Tokenizer(models.BPE())
        byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False)
        alone = [pre_tokenizers.Digits(individual_digits=True)] if digits else []
        made.pre_tokenizer = pre_tokenizers.Sequence([*alone, byte_level])
        made.decoder = decoders.ByteLevel()
        special = ["<pad>", "<|end|>", "<|user|>", "<|assistant|>"]
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        trainer = trainers.BpeTrainer(
            vocab_size=size, special_tokens=special, initial_alphabet=alphabet, show_progress=False
        )
        made.train_from_iterator(sources(), trainer)
        fast = PreTrainedTokenizerFast(tokenizer_object=made, pad_token="<pad>", eos_token="<|end|>")
        fast.chat_template = CHAT
        fast.save_pretrained(place)
    return AutoTokenizer.from_pretrained(place)


def make_model(folder: Path, tokenizer: Any, which: str) -> None:
    """Save a random Llama with ``tokenizer`` in ``folder``, which then holds all that a trainer asks for."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    if folder.exists():
        return
    shape = TEACHER if which == "teacher" else STUDENT
    width = shape["hidden_size"]
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=width,
        intermediate_size=8 * width // 3 // 32 * 32,
        num_hidden_layers=shape["layers"],
        num_attention_heads=width // 64,
        num_key_value_heads=width // 64,
        max_position_embeddings=1024,
        tie_word_embeddings=True,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=None,
    )
    torch.manual_seed(0 if which == "teacher" else 1)
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def make_pair(folder: Path, teacher_vocabulary: int, student_vocabulary: int, full: bool) -> dict[str, Path]:
    """Make what is not there yet; return the folders of both models and the file of texts, one a line."""
    cross = teacher_vocabulary != student_vocabulary
    tokenizers = {
        "teacher": make_tokenizer(folder, teacher_vocabulary, digits=False),
        "student": make_tokenizer(folder, student_vocabulary, digits=cross),
    }
    found = {}
    for which, tokenizer in tokenizers.items():
        found[which] = folder / f"{which}-{len(tokenizer)}{'-cross' if cross else ''}"
        make_model(found[which], tokenizer, which)
    found["text"] = folder / f"text-{student_vocabulary}-{'full' if full else 'ragged'}.jsonl"
    if not found["text"].exists():
        lines = [json.dumps({"text": cut(text, tokenizers.values())}) for text in paragraphs(full)]
        found["text"].write_text("\n".join(lines) + "\n", encoding="utf-8")
    return found


def cut(text: str, tokenizers: Any) -> str:
    """Shorten a text to what all tokenizers read in a window, with room for the marks of a chat."""
    for tokenizer in tokenizers:
        ends = [end for _, end in tokenizer(text, return_offsets_mapping=True)["offset_mapping"]]
        text = text[: ends[LENGTH - 9]] if len(ends) > LENGTH - 8 else text
    return text
