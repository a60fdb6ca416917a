"""One vocabulary, spelled in the ways that tokenizers spell theirs; and one tokenizer, written in two ways."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from sad import tiny
from sad.subjects.plain.spelling import spelled

UNKNOWN, END = "[UNK]", "[END]"


def spellings(tokenizer: Any) -> Iterator[tuple[str, Any, list[int]]]:  # noqa: ANN401 - no common type
    """Yield a name, a tokenizer, and which token of ``tokenizer`` (byte-level) each of its own stands for.

    Its first two tokens are control tokens; they are given the end mark's number, and stand for nothing.
    """
    texts = {i: spelled(tokenizer, i) for i in range(len(tokenizer)) if i not in tokenizer.all_special_ids}
    every = {i: text for i, text in texts.items() if len(text) == 1 or _whole(text)}
    words = {i: text.decode() for i, text in every.items() if _whole(text)}
    bytewise = {
        i: words[i].replace(" ", tiny.SPACE) if i in words else f"<0x{text[0]:02X}>" for i, text in every.items()
    }
    yield "spaces that the normaliser marks", *_made(tokenizer, bytewise, _normalised)
    yield "scored pieces and a decoder's pattern", *_made(tokenizer, bytewise, _scored)
    plain = {i: text for i, text in words.items() if " " not in text}
    spaced = {i: text for i, text in words.items() if " " in text}
    yield "pieces inside words", *_made(tokenizer, {i: f"##{text}" for i, text in plain.items()}, _pieces, spaced)
    yield "ends of words", *_made(tokenizer, {i: f"{text}</w>" for i, text in words.items()}, _ends)


def _whole(text: bytes) -> bool:
    return all(byte < 128 for byte in text)


Build = Callable[[dict[str, int]], Any]
"""Makes a tokenizer of the library's of a vocabulary."""


def _made(
    tokenizer: Any,  # noqa: ANN401
    spelling: dict[int, str],
    build: Build,
    added: dict[int, str] | None = None,
) -> tuple[Any, list[int]]:
    from tokenizers import AddedToken
    from transformers import PreTrainedTokenizerFast

    vocabulary = {token: place for place, token in enumerate([UNKNOWN, END, *spelling.values()])}
    made = build(vocabulary)
    # special, not special, and one that the model has as well
    made.add_special_tokens([UNKNOWN, END])
    own = next(token for token in spelling.values() if tiny.SPACE in token) if build is _normalised else None
    more = [*(added or {}).values(), *([own] if own else [])]
    made.add_tokens([AddedToken(text, special=False, normalized=False) for text in more])
    end = tokenizer.eos_token_id
    return (
        PreTrainedTokenizerFast(tokenizer_object=made, eos_token=END, unk_token=UNKNOWN),
        [end, end, *spelling, *(added or {})],
    )


def _normalised(vocabulary: dict[str, int]) -> Any:  # noqa: ANN401 - compiled classes without types
    from tokenizers import Tokenizer, models, normalizers

    made = Tokenizer(models.BPE(vocabulary, [], unk_token=UNKNOWN, byte_fallback=True))
    made.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Replace(" ", tiny.SPACE)])
    return made


def _scored(vocabulary: dict[str, int]) -> Any:  # noqa: ANN401
    from tokenizers import Regex, Tokenizer, decoders, models

    made = Tokenizer(models.Unigram([(token, -1.0) for token in vocabulary], unk_id=0))
    made.decoder = decoders.Sequence([decoders.Replace(Regex(tiny.SPACE), " "), decoders.ByteFallback()])
    return made


def _pieces(vocabulary: dict[str, int]) -> Any:  # noqa: ANN401
    from tokenizers import Tokenizer, models

    return Tokenizer(models.WordPiece(vocabulary, unk_token=UNKNOWN, continuing_subword_prefix="##"))


def _ends(vocabulary: dict[str, int]) -> Any:  # noqa: ANN401
    from tokenizers import Tokenizer, models

    return Tokenizer(models.BPE(vocabulary, [], unk_token=UNKNOWN, end_of_word_suffix="</w>"))


def written_otherwise(tokenizer: Any) -> Any:  # noqa: ANN401
    """Return the same byte-level tokenizer, as another writer would have it in its file: no text is read otherwise."""
    state = json.loads(tokenizer.backend_tokenizer.to_str())
    step = state["pre_tokenizer"]
    step["trim_offsets"] = not step["trim_offsets"]
    state["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": [step]}
    state["model"]["continuing_subword_prefix"] = ""
    return _of(tokenizer, state)


def cut_otherwise(tokenizer: Any) -> Any:  # noqa: ANN401
    """Return a tokenizer with the same tokens, that takes every e by itself."""
    state = json.loads(tokenizer.backend_tokenizer.to_str())
    alone = {"type": "Split", "pattern": {"String": "e"}, "behavior": "Isolated", "invert": False}
    state["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": [state["pre_tokenizer"], alone]}
    return _of(tokenizer, state)


def with_reserved(tokenizer: Any, count: int) -> Any:  # noqa: ANN401
    """Return the same tokenizer with so many marks more, which no other has: what a model says on them goes nowhere."""
    made = _of(tokenizer, json.loads(tokenizer.backend_tokenizer.to_str()))
    made.add_special_tokens({"additional_special_tokens": [f"<|reserved {number}|>" for number in range(count)]})
    return made


def _of(tokenizer: Any, state: dict[str, Any]) -> Any:  # noqa: ANN401
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast

    marks = {name: getattr(tokenizer, name) for name in ("eos_token", "bos_token", "pad_token")}
    return PreTrainedTokenizerFast(tokenizer_object=Tokenizer.from_str(json.dumps(state)), **marks)
