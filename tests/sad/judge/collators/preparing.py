"""Functions that read one example, or the columns of several, right and faulty: nothing is padded yet."""

from __future__ import annotations


def _joined(tokenizer, prompt, answer):
    first, rest = (tokenizer(text)["input_ids"] for text in (prompt, answer))
    return {"input_ids": first + rest, "labels": [-100] * len(first) + rest}


def preprocess(example, tokenizer, max_length=512):
    found = _joined(tokenizer, example["prompt"], example["completion"])
    return {name: ids[:max_length] for name, ids in found.items()}


def tokenize_function(examples, tokenizer):
    """The columns of several texts."""
    out = tokenizer(examples["text"])
    out["labels"] = [list(ids) for ids in out["input_ids"]]
    return out


def of_a_pair(prompt, response, tokenizer):
    """Two strings, and an end mark of its own."""
    found = _joined(tokenizer, prompt, response)
    return [*found["input_ids"], tokenizer.eos_token_id], [*found["labels"], tokenizer.eos_token_id]


def of_lists(sources, targets, tokenizer):
    rows = [_joined(tokenizer, *pair) for pair in zip(sources, targets, strict=True)]
    return {name: [row[name] for row in rows] for name in rows[0]}


def of_messages(messages, tokenizer):
    def ids(some, **more):
        return tokenizer.apply_chat_template(some, tokenize=True, return_dict=False, **more)

    prompt = ids(messages[:-1], add_generation_prompt=True)
    whole = ids(messages)
    return {"input_ids": whole, "labels": [-100] * len(prompt) + whole[len(prompt) :]}


def encode_with_prompt(example, tokenizer):
    """The last token of the prompt is learned."""
    found = _joined(tokenizer, example["prompt"], example["completion"])
    first = found["labels"].count(-100)
    found["labels"][first - 1] = found["input_ids"][first - 1]
    return found


def format_without_end(example, tokenizer):
    """The end mark is not learned."""
    found = _joined(tokenizer, example["prompt"], example["completion"])
    found["labels"] = [-100 if token == tokenizer.eos_token_id else token for token in found["labels"]]
    return found


def encode_with_marks(example, tokenizer):
    """A tokenizer with marks of its own."""
    found = _joined(tokenizer, example["prompt"], example["completion"])
    return {name: [tokenizer.im_start_id, *ids] for name, ids in found.items()}


STYLES = ("preprocess", "tokenize_function", "of_a_pair", "of_lists", "of_messages")
FAULTS = {"encode_with_prompt": "of a prompt", "format_without_end": "0 of 5 end marks"}
