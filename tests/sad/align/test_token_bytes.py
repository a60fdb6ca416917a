"""Joined bytes of the tokens are the text, for every kind of tokenizer that keeps it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import BertTokenizer, PreTrainedTokenizerFast

from sad.align.token_bytes import token_bytes, tokenizer_fingerprint

FIXTURES = Path(__file__).parents[3] / "fixtures"
LANGUAGES: dict[str, str] = json.loads((FIXTURES / "udhr12.json").read_text(encoding="utf-8"))
CORPUS = [text[:4000] for text in LANGUAGES.values()]
META = "▁"
BYTE_TOKENS = [f"<0x{byte:02X}>" for byte in range(256)]


def byte_level(size: int = 600) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        special_tokens=["<s>", "</s>"],
        show_progress=False,
    )
    tokenizer.train_from_iterator(CORPUS, trainer)
    return tokenizer


def byte_level_split_before() -> Tokenizer:
    """Return the shape of Llama 3, Qwen and DeepSeek: split first, then turn into bytes."""
    tokenizer = byte_level()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(False, use_regex=False)]
    )
    return tokenizer


def byte_level_normalizer() -> Tokenizer:
    """Return a tokenizer whose normaliser, not its pre-tokenizer, turns the text into the byte alphabet."""
    tokenizer = byte_level()
    tokenizer.pre_tokenizer = None
    tokenizer.normalizer = normalizers.ByteLevel()
    tokenizer.decoder = None
    return tokenizer


def sentencepiece_bpe() -> Tokenizer:
    """Return the shape of Llama 2: spaces replaced by the normaliser, bytes for what the vocabulary lacks."""
    plain = Tokenizer(models.BPE())
    plain.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="never", split=True)
    plain.train_from_iterator(CORPUS[:4], trainers.BpeTrainer(vocab_size=500, show_progress=False))
    model = json.loads(plain.to_str())["model"]
    tokens = ["<unk>", *BYTE_TOKENS, *(token for token in model["vocab"])]
    vocabulary = {token: index for index, token in enumerate(tokens)}
    merges = [(one[0], one[1]) for one in model["merges"]]
    tokenizer = Tokenizer(models.BPE(vocabulary, merges, unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    tokenizer.normalizer = normalizers.Replace(" ", META)
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace(META, " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    return tokenizer


def sentencepiece_unigram() -> Tokenizer:
    """Return the shape of T5 with byte fallback: Metaspace on both sides."""
    plain = Tokenizer(models.Unigram())
    plain.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="never")
    trainer = trainers.UnigramTrainer(vocab_size=500, unk_token="<unk>", special_tokens=["<unk>"], show_progress=False)
    plain.train_from_iterator(CORPUS[:4], trainer)
    pieces = [(piece, score) for piece, score in json.loads(plain.to_str())["model"]["vocab"]]
    lowest = min(score for _, score in pieces) - 1
    tokenizer = Tokenizer(models.Unigram([*pieces, *((token, lowest) for token in BYTE_TOKENS)], 0, byte_fallback=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="never")
    tokenizer.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace(prepend_scheme="never")])
    return tokenizer


BUILDERS = [byte_level, byte_level_split_before, byte_level_normalizer, sentencepiece_bpe, sentencepiece_unigram]
BUILT = {builder.__name__: PreTrainedTokenizerFast(tokenizer_object=builder()) for builder in BUILDERS}
BYTES = {name: token_bytes(tokenizer) for name, tokenizer in BUILT.items()}


def joined(name: str, text: str) -> bytes:
    ids = BUILT[name](text, add_special_tokens=False)["input_ids"]
    pieces = [BYTES[name][index] for index in ids]
    assert None not in pieces
    return b"".join(piece for piece in pieces if piece is not None)


@pytest.mark.parametrize("name", BUILT)
@given(text=st.text().filter(lambda text: "<" not in text))  # no control tokens, no names of bytes
@settings(max_examples=150, deadline=None)
def test_joined_bytes_are_the_text(name, text):
    if name.startswith("sentencepiece"):
        text = text.replace(META, " ")  # to SentencePiece they are one
    assert joined(name, text) == text.encode()


@pytest.mark.parametrize("name", BUILT)
@pytest.mark.parametrize("language", LANGUAGES)
def test_joined_bytes_are_the_text_in_twelve_languages(name, language):
    text = LANGUAGES[language]
    assert joined(name, text) == text.encode()


@pytest.mark.parametrize("name", BUILT)
def test_every_byte_has_a_token(name):
    assert {bytes([byte]) for byte in range(256)} <= {spelled for spelled in BYTES[name] if spelled is not None}


def test_length_holes_and_control_tokens():
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(models.WordLevel({"<unk>": 0, "a": 1, "é": 5}, unk_token="<unk>")),
        eos_token="<end>",
    )
    assert tokenizer.eos_token_id == 3
    assert len(tokenizer) == 4  # tokens, not ids
    assert token_bytes(tokenizer) == [None, b"a", None, None, None, "é".encode()]


def test_added_tokens_stand_for_their_text_unless_special():
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=byte_level(300), pad_token="<pad>")
    # é is a letter of the byte alphabet as well, but this token was added as text
    tokenizer.add_tokens([AddedToken("  é"), AddedToken("<|call|>", special=True), AddedToken("café")])
    spelled = token_bytes(tokenizer)
    assert spelled[tokenizer.convert_tokens_to_ids("  é")] == "  é".encode()
    assert spelled[tokenizer.convert_tokens_to_ids("café")] == "café".encode()
    assert spelled[tokenizer.convert_tokens_to_ids("<|call|>")] is None
    assert spelled[tokenizer.pad_token_id] is None
    assert len(spelled) == len(tokenizer)


def test_an_added_run_of_spaces_that_the_model_has_too_stands_for_spaces():
    tokenizer = sentencepiece_bpe()
    model = json.loads(tokenizer.to_str())["model"]
    model["vocab"][META * 2] = len(model["vocab"])
    tokenizer.model = models.BPE(model["vocab"], [*map(tuple, model["merges"]), (META, META)], byte_fallback=True)
    tokenizer.add_tokens([AddedToken(META * 2, normalized=False)])
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer)
    assert token_bytes(fast)[fast.convert_tokens_to_ids(META * 2)] == b"  "


def test_a_token_that_is_added_under_the_name_the_model_has_for_it_keeps_its_bytes():
    tokenizer = byte_level(300)
    tokenizer.add_tokens(["Ġ", "é"])
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer)
    assert token_bytes(fast)[fast.convert_tokens_to_ids("Ġ")] == b" "
    assert token_bytes(fast)[fast.convert_tokens_to_ids("é")] == b"\xe9"


def test_a_word_that_is_made_the_padding_token_later_is_control_too():
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=byte_level(300))
    tokenizer.pad_token = "!"
    assert token_bytes(tokenizer)[tokenizer.pad_token_id] is None


def test_the_unknown_token_of_a_scored_vocabulary_is_control():
    tokenizer = Tokenizer(models.Unigram([("a", -1.0), ("?", -9.0)], 1))
    assert token_bytes(PreTrainedTokenizerFast(tokenizer_object=tokenizer)) == [b"a", None]


def test_names_of_bytes_are_text_without_byte_fallback():
    tokenizer = Tokenizer(models.BPE({"<0x41>": 0, "<0xC3>": 1}, []))
    assert token_bytes(PreTrainedTokenizerFast(tokenizer_object=tokenizer)) == [b"<0x41>", b"<0xC3>"]
    tokenizer.decoder = decoders.ByteFallback()
    assert token_bytes(PreTrainedTokenizerFast(tokenizer_object=tokenizer)) == [b"A", b"\xc3"]


def test_wordpiece_gives_the_text_without_its_spaces():
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "walk", "##ing", "home", "##s", ","]
    tokenizer = BertTokenizer(vocab={word: index for index, word in enumerate(words)})
    spelled = token_bytes(tokenizer)
    ids = tokenizer("walking, homes", add_special_tokens=False)["input_ids"]
    assert b"".join(spelled[index] or b"?" for index in ids) == b"walking,homes"
    assert spelled[:5] == [None] * 5


def test_a_mark_at_the_end_of_a_word_is_no_text():
    vocabulary = {"h": 0, "i</w>": 1, "hi</w>": 2}
    tokenizer = Tokenizer(models.BPE(vocabulary, [("h", "i</w>")], end_of_word_suffix="</w>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.decoder = decoders.BPEDecoder("</w>")
    assert token_bytes(PreTrainedTokenizerFast(tokenizer_object=tokenizer)) == [b"h", b"i", b"hi"]


def test_patterns_of_a_decoder_are_followed_or_named():
    tokenizer = Tokenizer(models.WordLevel({"a~~b": 0, "?": 1}, unk_token="?"))
    tokenizer.decoder = decoders.Replace(Regex("~+"), "\\")
    assert token_bytes(PreTrainedTokenizerFast(tokenizer_object=tokenizer))[0] == b"a\\b"
    tokenizer.decoder = decoders.Replace(Regex(r"\p{L}"), "")
    with pytest.raises(ValueError, match=r"pattern that cannot be read: '\\\\p\{L\}'"):
        token_bytes(PreTrainedTokenizerFast(tokenizer_object=tokenizer))


class WithoutBackend:
    all_special_ids = ()


def test_a_tokenizer_without_a_fast_backend_is_named():
    for function in (token_bytes, tokenizer_fingerprint):
        with pytest.raises(ValueError, match="WithoutBackend has no fast backend") as caught:
            function(WithoutBackend())
        assert "\n" not in str(caught.value)


def fingerprint(tokenizer: Tokenizer) -> str:
    return tokenizer_fingerprint(PreTrainedTokenizerFast(tokenizer_object=tokenizer))


def changed(tokenizer: Tokenizer, change) -> Tokenizer:
    rules = json.loads(tokenizer.to_str())
    change(rules)
    return Tokenizer.from_str(json.dumps(rules))


def swap_two_tokens(rules):
    vocabulary = rules["model"]["vocab"]
    vocabulary["a"], vocabulary["b"] = vocabulary["b"], vocabulary["a"]


def swap_two_merges(rules):
    merges = rules["model"]["merges"]
    merges[0], merges[1] = merges[1], merges[0]


def other_normalizer(rules):
    rules["normalizer"] = {"type": "NFC"}


def other_pre_tokenizer(rules):
    rules["pre_tokenizer"]["add_prefix_space"] = True


def other_special_token(rules):
    rules["added_tokens"][1]["special"] = False


@pytest.mark.parametrize(
    "change", [swap_two_tokens, swap_two_merges, other_normalizer, other_pre_tokenizer, other_special_token]
)
def test_equal_sizes_are_not_equal_tokenizers(change):
    tokenizer = byte_level(300)
    other = changed(tokenizer, change)
    assert other.get_vocab_size() == tokenizer.get_vocab_size()
    assert fingerprint(other) != fingerprint(tokenizer)


def test_one_tokenizer_has_one_fingerprint_however_it_is_used_and_written(tmp_path):
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=byte_level(300))
    first = tokenizer_fingerprint(tokenizer)
    tokenizer.pad_token = "</s>"
    tokenizer(["a b c", "d"], truncation=True, max_length=2, padding=True)
    assert tokenizer_fingerprint(tokenizer) == first
    tokenizer.save_pretrained(tmp_path)
    assert tokenizer_fingerprint(PreTrainedTokenizerFast.from_pretrained(tmp_path)) == first

    def written_otherwise(rules):
        rules["normalizer"] = {"type": "Sequence", "normalizers": []}
        rules["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": [rules["pre_tokenizer"]]}
        rules["model"]["continuing_subword_prefix"] = ""

    assert fingerprint(changed(tokenizer.backend_tokenizer, written_otherwise)) == first


def test_a_scored_vocabulary_counts_with_its_scores():
    pieces = [("<unk>", 0.0), ("a", -1.0), ("b", -2.0)]
    one, same = (Tokenizer(models.Unigram(pieces, 0)) for _ in range(2))
    other = Tokenizer(models.Unigram([*pieces[:2], ("b", -0.5)], 0))
    assert fingerprint(one) == fingerprint(same) != fingerprint(other)
