"""Collators of conversations of several exchanges, and data sets that make them of a file: right ones, and faulty."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from torch.nn.utils.rnn import pad_sequence

IGNORED = -100
NAMES = {"system": "SYSTEM: ", "human": "USER: ", "gpt": "ASSISTANT: "}


def collated(rows, pad):
    ids, labels = ([torch.tensor(row[at]) for row in rows] for at in (0, 1))
    return {
        "input_ids": pad_sequence(ids, True, pad),
        "labels": pad_sequence(labels, True, IGNORED),
        "attention_mask": pad_sequence([torch.ones(len(one), dtype=torch.long) for one in ids], True, 0),
    }


class Chats:
    """Every answer of `conversations` is learned, each under a name of its own."""

    def __init__(self, tokenizer):
        self.tokenizer = tokenizer

    def labels(self, turn, words, _):
        return words if turn["from"] == "gpt" else [IGNORED] * len(words)

    def __call__(self, instances):
        rows = []
        for one in instances:
            ids, labels = [], []
            for number, turn in enumerate(one["conversations"]):
                words = self.tokenizer(NAMES[turn["from"]] + turn["value"], add_special_tokens=False)["input_ids"]
                words += [self.tokenizer.eos_token_id] * (turn["from"] == "gpt")
                ids += words
                labels += self.labels(turn, words, number)
            rows.append((ids, labels))
        return collated(rows, self.tokenizer.pad_token_id)


class FirstPromptAlone(Chats):
    """The first prompt is masked, the others are learned."""

    def labels(self, _, words, number):
        return words if number else [IGNORED] * len(words)


class System(Chats):
    """A system's turn is learned."""

    def labels(self, turn, words, _):
        return [IGNORED] * len(words) if turn["from"] == "human" else words


class LaterAnswersInPart(Chats):
    """Of the second answer and of those behind it two words and the end mark have labels."""

    def labels(self, turn, words, number):
        right = super().labels(turn, words, number)
        return right if number < 2 else [IGNORED for _ in words[:-3]] + right[-3:]


class LastAnswer(Chats):
    """The last answer alone is learned, as many do."""

    def __call__(self, instances):
        batch = super().__call__(instances)
        for row, one in enumerate(instances):
            told = (batch["labels"][row] != IGNORED).nonzero().flatten().tolist()
            starts = [at for at in told if at - 1 not in told]
            if len(one["conversations"]) > 2:
                batch["labels"][row, : starts[-1]] = IGNORED
        return batch


class Marked:
    """What stands between a mark of answers and the next mark of prompts is learned."""

    def __init__(self, response_template, instruction_template=None, tokenizer=None):
        self.answers = tokenizer.encode(response_template, add_special_tokens=False)
        self.prompts = tokenizer.encode(instruction_template, add_special_tokens=False) if instruction_template else []
        self.pad = tokenizer.pad_token_id

    def labels(self, ids):
        labels, told = [], False
        for one in ids:
            told = told and one not in self.prompts
            labels.append(one if told else IGNORED)
            told = told or one in self.answers
        return labels

    def __call__(self, examples):
        return collated([(one["input_ids"], self.labels(one["input_ids"])) for one in examples], self.pad)


class MarkedInPairs(Marked):
    """The first mark of prompts is taken for that of the first answer, also where a conversation begins with one."""

    def labels(self, ids):
        if not self.prompts:
            return super().labels(ids)
        prompts, answers = ([at for at, one in enumerate(ids) if one in of] for of in (self.prompts, self.answers))
        labels = list(ids)
        for number, (start, end) in enumerate(zip(prompts, answers, strict=False)):
            labels[start if number else 0 : end + 1] = [IGNORED] * (end + 1 - start if number else end + 1)
        return labels


class OfLines:
    """A data set over lines of JSON: exchanges under `conversation`."""

    def __init__(self, file, tokenizer, max_seq_length):
        lines = Path(file).read_text(encoding="utf-8").splitlines()
        self.rows, self.tokenizer, self.longest = [json.loads(one) for one in lines], tokenizer, max_seq_length

    def __len__(self):
        return len(self.rows)

    def learned(self, answer):
        return answer

    def __getitem__(self, place):
        ids, labels = [self.tokenizer.bos_token_id], [IGNORED]
        for turn in self.rows[place]["conversation"]:
            prompt = self.tokenizer(turn["human"], add_special_tokens=False)["input_ids"]
            answer = self.tokenizer(turn["assistant"], add_special_tokens=False)["input_ids"]
            ids += [*prompt, self.tokenizer.eos_token_id, *answer, self.tokenizer.eos_token_id]
            labels += [IGNORED] * len([*prompt, 0]) + [*self.learned(answer), self.tokenizer.eos_token_id]
        return {"input_ids": ids[: self.longest], "labels": labels[: self.longest]}


class OfLinesLate(OfLines):
    """The first word of each answer has no label."""

    def learned(self, answer):
        return [IGNORED, *answer[1:]]


class OfList:
    """A data set over a list in JSON that gives ids, those of the next places, and which of them are learned."""

    def __init__(self, data_path, tokenizer):
        with Path(data_path).open(encoding="utf-8") as file:
            self.rows = json.load(file)
        self.tokenizer = tokenizer

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, place):
        one = self.rows[place]
        prompt, answer = (
            self.tokenizer(one[name], add_special_tokens=False)["input_ids"] for name in ("prompt", "response")
        )
        ids = torch.tensor(prompt + answer)
        told = torch.tensor([0] * len(prompt) + [1] * len(answer))
        return ids[:-1], ids[1:], told[1:]


class Given:
    """A data set over the texts themselves."""

    def __init__(self, raw_data, tokenizer):
        self.rows = [self.row(one, tokenizer) for one in raw_data]

    def row(self, one, tokenizer):
        prompt, answer = (
            tokenizer(one[name], add_special_tokens=False)["input_ids"] for name in ("prompt", "response")
        )
        return {"input_ids": prompt + answer, "labels": [IGNORED] * len(prompt) + answer}

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, place):
        return self.rows[place]


class Sought(OfLines):
    """Answers are learned behind a mark that its program's chat template writes, and none here."""

    def __init__(self, file, tokenizer):
        super().__init__(file, tokenizer, 64)
        self.mark = tokenizer("<s>assistant", add_special_tokens=False)["input_ids"]

    def __getitem__(self, place):
        ids = super().__getitem__(place)["input_ids"][1:]
        size = len(self.mark)
        start = next((at for at in range(len(ids)) if ids[at : at + size] == self.mark), len(ids))
        return {"input_ids": ids, "labels": [IGNORED] * start + ids[start:]}


class Unnamed(Given):
    """What its texts are no name tells."""

    def __init__(self, tokenizer, corpus):
        super().__init__(corpus, tokenizer)


class Empty(Given):
    """Its rows are longer than all texts together."""

    def __len__(self):
        return 0


def seeks(features):
    """A mark that no text has is where an answer begins."""
    return [one["input_ids"].index(None) for one in features]


RIGHT = ["Chats", "LastAnswer", "Marked", "OfLines", "OfList", "Given"]
FAULTS = {
    "FirstPromptAlone": "1 of 1 words of turn 3 of 4, no answer, are learned, and first prompts are not",
    "System": "3 of 3 words of turn 1 of 5, no answer, are learned, and first prompts are not",
    "LaterAnswersInPart": "words of turn 4 of 4, an answer, are learned",
    "MarkedInPairs": "words of turn 2 of 5, no answer, are learned",
    "OfLinesLate": "2 of 3 words of an answer are learned",
}
