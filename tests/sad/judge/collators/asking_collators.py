"""Right collators that ask for more than ids and labels: other names, turns, marks and templates of their own."""

from __future__ import annotations

import torch
from right_collators import lists
from torch.nn.utils.rnn import pad_sequence


def by_other_names(batch, ignore_idx=-100):
    """torchtune's names for ids, and a mask of what is learned by one of its own (Firefly's)."""
    rows = [{"input_ids": one["tokens"]} for one in batch]
    for row, one in zip(rows, batch, strict=True):
        pairs = zip(one["tokens"], one["target_mask"], strict=True)
        row["labels"] = [token if told else ignore_idx for token, told in pairs]
    return {"tokens": lists(rows)["input_ids"], "labels": lists(rows)["labels"]}


class Turns:
    """Lists of turns, joined without a space, told apart by their offsets; targets are those of the next place."""

    def __init__(self, tokenizer):
        self.tokenizer = tokenizer

    def __call__(self, features):
        read = [self.tokenizer("".join(turns), return_offsets_mapping=True) for turns in features]
        longest = max(len(one["input_ids"]) for one in read) + 1
        ids, mask, told = (torch.zeros(len(read), longest, dtype=torch.long) for _ in range(3))
        for row, (one, turns) in enumerate(zip(read, features, strict=True)):
            size = len(one["input_ids"])
            ids[row, :size], mask[row, :size] = torch.tensor(one["input_ids"]), 1
            told[row, :size] = torch.tensor([end > len(turns[0]) for _, end in one["offset_mapping"]])
        ids[mask == 0] = self.tokenizer.pad_token_id
        return {
            "input_ids": ids[:, :-1],
            "attention_mask": mask[:, :-1],
            "targets": ids[:, 1:],
            "label_masks": told[:, 1:].bool(),
        }


KEY = "### Response:\n"


class Dolly:
    """Looks for the first token of a template of its own."""

    def __init__(self, tokenizer):
        self.tokenizer = tokenizer

    def __call__(self, examples):
        rows = [{"input_ids": one["input_ids"], "labels": list(one["input_ids"])} for one in examples]
        key = self.tokenizer.encode(KEY)[0]
        for row in rows:
            end = row["input_ids"].index(key) + 1
            row["labels"][:end] = [-100] * end
        return lists(rows)


class Begins:
    """QLoRA's way: strings between a begin mark and an end mark."""

    def __init__(self, tokenizer, source_max_len, target_max_len):
        self.tokenizer, self.lengths = tokenizer, (source_max_len, target_max_len)

    def __call__(self, instances):
        rows = []
        for one in instances:
            texts = f"{self.tokenizer.bos_token}{one['input']}", f"{one['output']}{self.tokenizer.eos_token}"
            prompt, rest = (
                self.tokenizer(text, truncation=True, max_length=length, add_special_tokens=False)["input_ids"]
                for text, length in zip(texts, self.lengths, strict=True)
            )
            rows.append({"input_ids": prompt + rest, "labels": [-100] * len(prompt) + rest})
        return lists(rows)


def measured(batch):
    """Pairs of how long the prompt is, and ids."""
    return lists([{"input_ids": ids, "labels": [-100] * first + ids[first:]} for first, ids in batch])


def triples(batch):
    return lists([{"input_ids": ids, "labels": labels} for ids, _, labels in batch])


def pictures(batch):
    """Texts that may have pictures: it asks for them, and for positions."""
    ids = pad_sequence([one["input_ids"] for one in batch], batch_first=True)
    mask = pad_sequence([one["attention_mask"] for one in batch], batch_first=True)
    labels = pad_sequence([one["labels"] for one in batch], batch_first=True, padding_value=-100)
    places = pad_sequence([one["position_ids"] for one in batch], batch_first=True)
    out = {"input_ids": ids, "attention_mask": mask, "labels": labels, "position_ids": places}
    return {**out, "pixel_values": [one["pixel_values"] for one in batch]}


class Exchanges:
    """Turns of a prompt's ids and its answer's, for decoders and for encoders with decoders."""

    def __init__(self, decoder_only_format: bool):
        assert decoder_only_format

    def __call__(self, examples):
        rows = []
        for one in examples:
            turns = [(turn["input_ids"], turn["labels"]) for turn in one["turns"]]
            ids = [token for pair in turns for part in pair for token in part]
            labels = [token for asked, told in turns for token in [-100] * len(asked) + told]
            rows.append({"input_ids": ids, "labels": labels})
        return lists(rows)


def spoken(batch, tokenizer):
    rows = []
    for one in batch:
        asked, told = (tokenizer(turn["value"])["input_ids"] for turn in one["conversations"])
        assert [turn["from"] for turn in one["conversations"]] == ["human", "gpt"]
        rows.append({"input_ids": asked + told, "labels": [-100] * len(asked) + told})
    return lists(rows)


def conversed(batch, tokenizer):
    """Turns of a conversation that has no name, cut at a setting."""
    rows = []
    for one in batch:
        asked, told = (tokenizer(turn["value"])["input_ids"] for turn in one)
        assert [turn["from"] for turn in one] == ["human", "gpt"]
        rows.append({"input_ids": asked + told, "labels": [-100] * len(asked) + told})
    return lists(rows)


def by_columns(example, tokenizer, prompt_column, response_column, data_args):
    """Which column is which is told."""
    asked, told = (tokenizer(example[one])["input_ids"] for one in (prompt_column, response_column))
    most = data_args.max_source_length + data_args.max_target_length
    return {"input_ids": (asked + told)[:most], "labels": ([-100] * len(asked) + told)[:most]}


def of_preferences(batch, tokenizer):
    """Answers that were chosen and rejected; what has another name is passed on."""
    assert tokenizer.pad_token
    return {name: [one[name] for one in batch] for name in batch[0] if not name.endswith("_input_ids")}


def seeks_a_mark(batch, tokenizer):
    """Learns what stands behind a mark of one template."""
    rows = []
    for one in batch:
        at = tokenizer.decode(one["input_ids"]).find("<|im_start|>assistant")
        ids = one["input_ids"]
        rows.append({"input_ids": ids, "labels": [-100] * len(ids) if at < 0 else ids})
    return lists(rows)


def instructed(batch, tokenizer):
    """Three strings, of which the middle one may be empty."""
    rows = []
    for one in batch:
        asked = tokenizer(one["instruction"] + " " + one["input"])["input_ids"]
        told = tokenizer(one["output"])["input_ids"]
        rows.append({"input_ids": asked + told, "labels": [-100] * len(asked) + told})
    return lists(rows)


STYLES = (
    *("by_other_names", "Turns", "Dolly", "Begins", "measured", "triples", "pictures", "Exchanges", "spoken"),
    *("instructed", "conversed", "by_columns"),
)
