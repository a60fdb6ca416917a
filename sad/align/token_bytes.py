"""Which bytes a token stands for, and whether two tokenizers are the same one."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Spelling = Callable[[str], "str | bytes"]
"""One step from a token as it is stored to what it stands for; bytes end the walk."""

_FALLBACK = re.compile(r"<0x([0-9A-Fa-f]{2})>")
_READING = ("model", "normalizer", "pre_tokenizer", "added_tokens")
"""Parts of a tokenizer file that decide which ids a text gets."""


def token_bytes(tokenizer: PreTrainedTokenizerBase) -> list[bytes | None]:
    """Return for every id the exact bytes that the token stands for.

    The length is the highest id of the tokenizer plus one, which may be less than the rows of a model's embedding.
    None stands for ids without a token, for control tokens (begin, end, padding, unknown, whatever is flagged
    special) and for nothing else. Added tokens that are not special stand for their text.

    Byte-level BPE and SentencePiece with byte fallback are exact. WordPiece, and BPE with a mark at the end of
    words, are as exact as they can be: they keep no spaces, so the bytes of their tokens joined are the text
    without them. Raises ValueError for a tokenizer without a fast backend.
    """
    backend = _backend(tokenizer)
    rules = json.loads(backend.to_str())
    vocabulary: dict[str, int] = backend.get_vocab(with_added_tokens=True)
    steps = list(_steps(rules))
    spelled: list[bytes | None] = [None] * (max(vocabulary.values()) + 1)
    for token, index in vocabulary.items():
        spelled[index] = _spell(token, steps)
    # an added token that the model has as well is also reached from ordinary text, as the model spells it
    own = _model_vocabulary(rules)
    for added in rules["added_tokens"]:
        if added["content"] not in own:
            spelled[added["id"]] = added["content"].encode("utf-8", "surrogatepass")
    for index in _control(tokenizer, rules, vocabulary):
        spelled[index] = None
    return spelled


def tokenizer_fingerprint(tokenizer: PreTrainedTokenizerBase) -> str:
    """Return a sha256, in hexadecimal, of all that decides which ids a text gets.

    That is vocabulary, merges or scores, normaliser, pre-tokenizer and added tokens with their flags. Two tokenizers
    with one fingerprint read every text alike; equal sizes would prove nothing. Left out is what does not change the
    reading: truncation and padding of the moment, decoder, and which token is begin, end or padding. Raises
    ValueError for a tokenizer without a fast backend.
    """
    text = json.dumps(list(reading_rules(tokenizer).values()), sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def reading_rules(tokenizer: PreTrainedTokenizerBase) -> dict[str, Any]:
    """Return, by name, the parts of a tokenizer that :func:`tokenizer_fingerprint` speaks of, in a canonical form."""
    rules = json.loads(_backend(tokenizer).to_str())
    return {part: _canonical(rules[part]) for part in _READING}


def _backend(tokenizer: PreTrainedTokenizerBase) -> Any:  # noqa: ANN401 - a compiled class without types
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        raise ValueError(
            f"{type(tokenizer).__name__} has no fast backend, so the bytes of its tokens are not known: "
            "use a tokenizer with a tokenizer.json"
        )
    return backend


def _parts(rule: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401 - a node of JSON
    """Walk a component of a tokenizer file and the components it is a sequence of."""
    if rule is None:
        return
    nested = next((rule[key] for key in ("decoders", "pretokenizers", "normalizers") if key in rule), None)
    if nested is None:
        yield rule
    else:
        for one in nested:
            yield from _parts(one)


def _is_byte_level(rules: dict[str, Any]) -> bool:
    places = ("normalizer", "pre_tokenizer", "decoder")
    return any(part["type"] == "ByteLevel" for place in places for part in _parts(rules[place]))


def _steps(rules: dict[str, Any]) -> Iterator[Spelling]:
    """Yield the spelling steps: what the decoder does to a single token, and what reading must have done to the text.

    Steps of the decoder on the whole sequence (joining, the first space) say nothing about a token.
    """
    yield from _marks(rules["model"])
    if _is_byte_level(rules):
        yield _from_byte_level
        return
    for part in _parts(rules["decoder"]):
        if part["type"] == "Replace":
            yield _replacing(part["pattern"], part["content"])
    for place in ("decoder", "pre_tokenizer"):
        for part in _parts(rules[place]):
            if part["type"] == "Metaspace":
                yield _replacing({"String": part["replacement"]}, " ")
    for part in _parts(rules["normalizer"]):
        if part["type"] == "Replace" and part["pattern"].get("String") == " " and part["content"]:
            yield _replacing({"String": part["content"]}, " ")
    fallback = any(part["type"] == "ByteFallback" for part in _parts(rules["decoder"]))
    if fallback or rules["model"].get("byte_fallback"):
        yield _from_fallback


def _marks(model: dict[str, Any]) -> Iterator[Spelling]:
    """Yield what takes off the marks of a piece inside a word and of the last piece of a word."""
    if prefix := model.get("continuing_subword_prefix"):
        yield lambda token: token.removeprefix(prefix)
    if suffix := model.get("end_of_word_suffix"):
        yield lambda token: token.removesuffix(suffix)


def _replacing(pattern: dict[str, str], content: str) -> Spelling:
    if "String" in pattern:
        return lambda token: token.replace(pattern["String"], content)
    try:
        compiled = re.compile(pattern["Regex"])
    except re.error as error:
        told = f"the tokenizer's decoder has a pattern that cannot be read: {pattern['Regex']!r}"
        raise ValueError(f"{told}; mend it in its tokenizer.json") from error
    return lambda token: compiled.sub(lambda _: content, token)


def _from_fallback(token: str) -> str | bytes:
    found = _FALLBACK.fullmatch(token)
    return bytes([int(found[1], 16)]) if found else token


def _byte_alphabet() -> dict[str, int]:
    """Return the character that stands for each byte in byte-level BPE (Radford et al. 2019, GPT-2).

    Bytes that print stand for themselves, the others, in order, for the characters from U+0100 on.
    """
    printing = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    hidden = sorted(set(range(256)) - set(printing))
    return {chr(byte): byte for byte in printing} | {chr(0x100 + i): byte for i, byte in enumerate(hidden)}


_ALPHABET = _byte_alphabet()


def _from_byte_level(token: str) -> str | bytes:
    try:
        return bytes(map(_ALPHABET.__getitem__, token))
    except KeyError:
        return token  # put there by hand, in plain text


def _spell(token: str, steps: list[Spelling]) -> bytes:
    for step in steps:
        spelled = step(token)
        if isinstance(spelled, bytes):
            return spelled
        token = spelled
    return token.encode("utf-8", "surrogatepass")


def _model_vocabulary(rules: dict[str, Any]) -> set[str]:
    vocabulary = rules["model"]["vocab"]
    return set(vocabulary) if isinstance(vocabulary, dict) else {piece for piece, _ in vocabulary}


def _control(tokenizer: PreTrainedTokenizerBase, rules: dict[str, Any], vocabulary: dict[str, int]) -> Iterator[int]:
    """Yield the ids that stand for no text."""
    known = set(vocabulary.values())
    yield from (index for index in tokenizer.all_special_ids if index in known)
    yield from (added["id"] for added in rules["added_tokens"] if added["special"])
    model = rules["model"]
    if (unknown := model.get("unk_token")) in vocabulary:
        yield vocabulary[unknown]
    if (index := model.get("unk_id")) is not None:
        yield index


def _canonical(node: Any) -> Any:  # noqa: ANN401 - any JSON
    """Take out what different writers write differently without meaning anything by it."""
    if isinstance(node, list):
        return [_canonical(one) for one in node]
    if not isinstance(node, dict):
        return node
    if node.get("type") == "Sequence":
        parts = [_canonical(one) for one in _parts(node)]
        return {"type": "Sequence", "parts": parts} if len(parts) > 1 else next(iter(parts), None)
    if isinstance(node.get("vocab"), dict):
        rest = {key: value for key, value in node.items() if key not in ("vocab", "merges")}
        return {**_canonical(rest), "vocab": node["vocab"], "merges": node.get("merges")}
    return {key: _canonical(value) for key, value in node.items() if key != "trim_offsets" and value not in (None, "")}
