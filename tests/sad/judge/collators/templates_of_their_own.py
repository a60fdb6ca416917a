"""Collators and functions that put a template of their own round a text: right ones, and some with one fault."""

from __future__ import annotations

import torch
from torch.nn.utils.rnn import pad_sequence

IGNORED = -100


class Asked:
    """An instruction under a headline, and its answer under another."""

    fill = IGNORED

    def __init__(self, tokenizer):
        self.tokenizer = tokenizer

    def rows(self, one):
        read = self.tokenizer
        prompt = read(f"### Instruction:\n{one['instruction']}\n\n### Response:\n")["input_ids"]
        answer = read(one["output"] + read.eos_token)["input_ids"]
        return prompt + answer, self.labels(prompt, answer)

    def labels(self, prompt, answer):
        return [IGNORED] * len(prompt) + answer

    def __call__(self, instances):
        pad = self.tokenizer.pad_token_id
        made = [tuple(map(torch.tensor, self.rows(one))) for one in instances]
        ids = pad_sequence([one for one, _ in made], True, pad)
        labels = pad_sequence([told for _, told in made], True, self.fill)
        return {"input_ids": ids, "labels": labels, "attention_mask": ids.ne(pad)}


class Padded(Asked):
    """Padding is learned."""

    fill = 1


class Late(Asked):
    """The first word of an answer, and the last of its prompt with it, are on the wrong side of the mask."""

    def labels(self, prompt, answer):
        return [IGNORED] * len([*prompt, *answer[:1]]) + answer[1:]


class Early(Asked):
    """Half of a prompt is learned."""

    def labels(self, prompt, answer):
        whole = prompt + answer
        hidden = round(0.56 * len(prompt))
        return [IGNORED] * hidden + whole[hidden:]


class Before(Asked):
    """Labels are moved by one place, to the wrong side."""

    def labels(self, prompt, answer):
        whole = prompt + answer
        return [IGNORED, *whole[: len(whole) - 1]]


class Mixed(Asked):
    """Labels are another word where the answer begins."""

    def labels(self, prompt, answer):
        return [IGNORED] * len(prompt) + [5, *answer[1:]]


class Longest(Asked):
    """A text beside a longer one is given one more word of its own."""

    def __call__(self, instances):
        found = super().__call__(instances)
        if len(instances) > 1:
            found["labels"][:, 0] = found["input_ids"][:, 0]
        return found


class Masked(Asked):
    """The mask hides the second word of every text."""

    def __call__(self, instances):
        found = super().__call__(instances)
        found["attention_mask"] = found["attention_mask"] & (found["input_ids"] != 5)
        return found


class Dropped(Asked):
    """Of two texts the last is the one before it."""

    def __call__(self, instances):
        return super().__call__([*instances[:-1], instances[-2]] if len(instances) == 2 else instances)


def preprocess(sources, tokenizer):
    """Turns of people and of a machine, with names before them, that are written into the conversations themselves."""
    ids, labels = [], []
    for source in sources:
        every, told = [], []
        for turn in source:
            turn["value"] = ("USER: " if turn["from"] == "human" else "ASSISTANT: ") + turn["value"]
            words = tokenizer(turn["value"]).input_ids
            every += words
            told += [IGNORED] * len(words) if turn["from"] == "human" else words
        ids.append(torch.tensor(every))
        labels.append(torch.tensor(told))
    return {"input_ids": ids, "labels": labels}


def tokenize_columns(examples, tokenizer, max_length):
    """Columns under names of their own."""
    made = {"input_ids": [], "labels": []}
    for article, summary in zip(examples["article"], examples["summary"], strict=True):
        prompt = tokenizer(f"Summarise: {article}\nSummary:")["input_ids"]
        answer = [*tokenizer(summary)["input_ids"], tokenizer.eos_token_id]
        made["input_ids"].append((prompt + answer)[:max_length])
        made["labels"].append(([IGNORED] * len(prompt) + answer)[:max_length])
    return made


def tokenize_uneven(examples, tokenizer, max_length):
    """Ids are cut, their labels are cut from the front."""
    made = tokenize_columns(examples, tokenizer, 10_000)
    made["input_ids"] = [one[:max_length] for one in made["input_ids"]]
    made["labels"] = [one[-max_length:] for one in made["labels"]]
    return made


def pack_corpus(texts, tokenizer, max_tokens, learned=False):
    """Texts one behind another with two marks between, in rows of one length."""
    ids, labels = [], []
    for text in texts:
        words = tokenizer(text)["input_ids"]
        ids += [*words, tokenizer.eos_token_id, tokenizer.pad_token_id]
        labels += [*words, tokenizer.eos_token_id, tokenizer.pad_token_id if learned else IGNORED]
    more = max_tokens - len(ids)
    fill = tokenizer.pad_token_id if learned else IGNORED
    return {"input_ids": [ids + [tokenizer.pad_token_id] * more], "labels": [labels + [fill] * more]}


def preprocess_packed(examples, tokenizer, max_tokens):
    """The same."""
    return pack_corpus(examples["text"], tokenizer, max_tokens)


def preprocess_learned(examples, tokenizer, max_tokens):
    """The same, and padding is learned."""
    return pack_corpus(examples["text"], tokenizer, max_tokens, learned=True)


RIGHT = ["Asked", "preprocess", "tokenize_columns"]
FAULTS = {
    "Padded": ("target_alignment", "labels are those of padding"),
    "Late": ("target_alignment", "2 of 3 words of an answer are learned"),
    "Early": ("target_alignment", "of its prompt"),
    "Before": ("target_alignment", "each label is the id before its place"),
    "Mixed": ("target_alignment", "labels are not those of their place"),
    "Longest": ("batch_composition", "a text has other labels beside others than alone"),
    "Masked": ("attention_mask", "1 tokens inside a text are masked"),
    "Dropped": ("tokens_kept", "words of a text are not in its row"),
    "tokenize_uneven": ("truncated_alike", "cut to"),
}
