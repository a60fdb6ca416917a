"""The forms in which a collator may be given its texts: the features that datasets of the field have."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from sad.judge.collators.words import written
from sad.subjects.text_loss import IGNORED, Marks, Text

Make = Callable[[Text, Marks], Any]
Talk = Callable[[Sequence[tuple[str, str]]], Any]
"""Makes a feature of the turns of a conversation: of each who speaks, "user", "assistant" or "system", and what."""


@dataclass(frozen=True, slots=True)
class Features:
    """One form: how it is said, how a text is made one, what its source speaks of where it is meant.

    ``prompts`` is whether a prompt can be told from a completion by it, ``talk`` how a conversation of several
    exchanges is made one, None where it has one alone.
    """

    says: str
    make: Make
    words: tuple[str, ...] = ()
    prompts: bool = True
    talk: Talk | None = None

    def of(self, texts: Sequence[Text], marks: Marks) -> list[Any]:
        """Return the features of some texts."""
        return [self.make(text, marks) for text in texts]


def cut(text: Text) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return a prompt that is never empty, and the rest: nothing predicts the first token of a text."""
    return text.ids[: text.first], text.ids[text.first :]


def own_labels(text: Text) -> list[int]:
    """Return a text's ids with -100 in place of its prompt, and of its first token."""
    return [IGNORED] * text.first + list(text.ids[text.first :])


def _labelled(text: Text, _: Marks) -> dict[str, list[int]]:
    ids = list(text.ids)
    return {"input_ids": ids, "attention_mask": [1] * len(ids), "labels": own_labels(text)}


def _masked(name: str) -> Make:
    def make(text: Text, _: Marks) -> dict[str, list[int]]:
        told = [0] * text.first + [1] * (len(text.ids) - text.first)
        return {"input_ids": list(text.ids), name: told}

    return make


def _pieces(prompt: str, completion: str) -> Make:
    def make(text: Text, _: Marks) -> dict[str, list[int]]:
        first, rest = map(list, cut(text))
        return {prompt: first, completion: rest}

    return make


def _with_length(name: str) -> Make:
    def make(text: Text, _: Marks) -> dict[str, Any]:
        return {"input_ids": list(text.ids), name: text.first}

    return make


def _strings(prompt: str, completion: str) -> Make:
    def make(text: Text, marks: Marks) -> dict[str, str]:
        first, rest = (written(part, marks) for part in cut(text))
        return {prompt: first, completion: rest}

    return make


def _one(talk: Talk) -> Make:
    """A text as a conversation of one exchange."""

    def make(text: Text, marks: Marks) -> Any:  # noqa: ANN401 - a dict, or a list of turns
        first, rest = (written(part, marks) for part in cut(text))
        return talk([("user", first), ("assistant", rest)])

    return make


def _messages(turns: Sequence[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"role": who, "content": what} for who, what in turns]


def _spoken(turns: Sequence[tuple[str, str]]) -> list[dict[str, str]]:
    names = {"user": "human", "assistant": "gpt"}
    return [{"from": names.get(who, who), "value": what} for who, what in turns]


def _paired(turns: Sequence[tuple[str, str]]) -> list[dict[str, str]]:
    """Exchanges: a system's turn has no place in them."""
    said = [what for who, what in turns if who != "system"]
    return [{"human": first, "assistant": rest} for first, rest in zip(said[::2], said[1::2], strict=True)]


def _under(name: str, talk: Talk) -> Talk:
    return lambda turns: {name: talk(turns)}


def _exchanges(text: Text, _: Marks) -> dict[str, Any]:
    first, rest = map(list, cut(text))
    return {"turns": [{"input_ids": first, "labels": rest}]}


def _with_empty(make: Make, empty: str) -> Make:
    return lambda text, marks: {**make(text, marks), empty: ""}


def _with_media(text: Text, marks: Marks) -> dict[str, Any]:
    """What a text without pictures has in a data set of pictures: nothing under any of their names."""
    places = torch.arange(len(text.ids))
    return {**_tensors(_labelled)(text, marks), "position_ids": places, **{name: [] for name in MEDIA}}


def _measured(text: Text, _: Marks) -> tuple[int, list[int]]:
    return text.first, list(text.ids)


def _triple(text: Text, _: Marks) -> tuple[list[int], list[int], list[int]]:
    return list(text.ids), [1] * len(text.ids), own_labels(text)


def _turns(turns: Sequence[tuple[str, str]]) -> list[str]:
    return [what for _, what in turns]


def _spoken_by(says: str, talk: Talk, *words: str) -> Features:
    return Features(says, _one(talk), words, talk=talk)


def _ids(text: Text, _: Marks) -> dict[str, list[int]]:
    return {"input_ids": list(text.ids), "attention_mask": [1] * len(text.ids)}


def _tensors(make: Make) -> Make:
    def made(text: Text, marks: Marks) -> dict[str, Any]:
        found: dict[str, Any] = make(text, marks)
        for name, value in found.items():
            found[name] = torch.tensor(value) if isinstance(value, list | int) else value
        return found

    return made


def _only(make: Make, *names: str) -> Make:
    def made(text: Text, marks: Marks) -> Any:  # noqa: ANN401 - a dict, or what is in it
        found = make(text, marks)
        return {name: found[name] for name in names} if len(names) > 1 else found[names[0]]

    return made


def _pair(text: Text, _: Marks) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.tensor(text.ids), torch.tensor(own_labels(text))


def _shifted_pair(text: Text, _: Marks) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.tensor(text.ids[:-1]), torch.tensor(own_labels(text)[1:])


class _Asked(dict[str, Any]):
    """A feature that answers to other names of what it holds."""

    def __missing__(self, name: str) -> Any:  # noqa: ANN401 - ids, labels or a mask
        if name.endswith("mask") or name.endswith("masks"):
            return self["attention_mask" if "att" in name else "loss_mask"]
        if name in ("tokens", "ids", "token_ids", "input_tokens"):
            return self["input_ids"]
        if name in ("label", "target", "targets", "label_ids", "target_ids", "lm_labels"):
            return self["labels"]
        raise KeyError(name)


LENGTHS = ("length", "lengths", "input_length", "seq_len", "seq_length", "num_tokens")
"""Names of the length of a text, that of its prompt for some."""


def _everything(text: Text, marks: Marks) -> dict[str, Any]:
    """What any feature of the others is called, all at once."""
    told, size = [0] * text.first + [1] * (len(text.ids) - text.first), len(text.ids)
    masks = dict.fromkeys(("completion_mask", "assistant_masks", "loss_mask", "labels_mask"), told)
    lengths = dict.fromkeys(LENGTHS, size)
    prompts = dict.fromkeys(("prompt_len", "prompt_length", "prompt_lens", "source_len", "input_len"), text.first)
    return _Asked({**_labelled(text, marks), **masks, **lengths, **prompts})


def of_prompts(form: Features) -> Features:
    """Return the form with the length of the prompt under the names that are that of a text for most."""

    def made(text: Text, marks: Marks) -> dict[str, Any]:
        found = form.make(text, marks)
        return _Asked({**found, **{name: found["prompt_len"] for name in LENGTHS}})

    return replace(form, says=f"{form.says}, where a length is that of its prompt", make=made)


DICT = "a dict with"
EVERYTHING = f"{DICT} ids, labels, masks and lengths"
MEDIA = ("images", "image", "pixel_values", "image_bound", "tgt_sizes", "image_sizes", "videos")
"""What collators of texts with pictures ask for besides."""
STRINGS = Features(
    f"{DICT} prompt and completion, as strings", _strings("prompt", "completion"), ("prompt", "completion")
)
MESSAGES = _spoken_by(f"{DICT} messages", _under("messages", _messages), "messages")
TURNS = _spoken_by("a list of a prompt and its completion, as strings", _turns)
FORMS: tuple[Features, ...] = (
    Features(f"{DICT} input_ids, attention_mask and labels, as lists", _labelled),
    Features(f"{DICT} input_ids and labels, as lists", _only(_labelled, "input_ids", "labels")),
    Features(f"{DICT} input_ids, attention_mask and labels, as tensors", _tensors(_labelled)),
    Features(f"{DICT} input_ids and completion_mask", _masked("completion_mask"), ("completion_mask",)),
    Features(f"{DICT} input_ids and assistant_masks", _masked("assistant_masks"), ("assistant_masks",)),
    Features(f"{DICT} input_ids and loss_mask", _masked("loss_mask"), ("loss_mask",)),
    Features(f"{DICT} input_ids and loss_mask, as tensors", _tensors(_masked("loss_mask")), ("loss_mask",)),
    *(
        Features(f"{DICT} input_ids and {name}", _with_length(name), (name,))
        for name in ("prompt_len", "prompt_length", "prompt_lens", "source_len", "input_len")
    ),
    *(
        Features(f"{DICT} {a} and {b}, as lists", _pieces(a, b), (a, b))
        for a, b in (
            ("prompt_ids", "completion_ids"),
            ("prompt_input_ids", "completion_input_ids"),
            ("prompt_ids", "response_ids"),
            ("prompt_input_ids", "response_input_ids"),
            ("prompt", "completion"),
        )
    ),
    STRINGS,
    *(
        Features(f"{DICT} {a} and {b}, as strings", _strings(a, b), (a, b))
        for a, b in (
            ("prompt", "response"),
            ("instruction", "output"),
            ("question", "answer"),
            ("input", "output"),
            ("source", "target"),
        )
    ),
    *(
        Features(f"{DICT} {a}, an empty {c} and {b}, as strings", _with_empty(_strings(a, b), c), (a, b, c))
        for a, b, c in (("instruction", "output", "input"), ("text", "target", "instruction"))
    ),
    MESSAGES,
    _spoken_by(f"{DICT} conversations, from human to gpt", _under("conversations", _spoken), "conversations", "from"),
    _spoken_by(f"{DICT} conversations, of roles and contents", _under("conversations", _messages), "conversations"),
    _spoken_by(f"{DICT} conversation, of human and assistant", _under("conversation", _paired), "human", "assistant"),
    _spoken_by("a conversation, a list of turns from human to gpt", _spoken, "from", "value"),
    Features(f"{DICT} turns, each of a prompt's input_ids and its labels", _exchanges, ("turns",)),
    *(
        Features(f"{DICT} input_ids, attention_mask and labels, as tensors, and no {name}", _with_media, (name,))
        for name in MEDIA
    ),
    Features(f"{EVERYTHING}, as lists", _everything),
    Features(f"{EVERYTHING}, as tensors", _tensors(_everything)),
    Features(f"{DICT} input_ids and attention_mask, as lists", _ids, (), prompts=False),
    Features(f"{DICT} input_ids alone, as lists", lambda t, _: {"input_ids": list(t.ids)}, (), prompts=False),
    Features(f"{DICT} input_ids and attention_mask, as tensors", _tensors(_ids), (), prompts=False),
    Features("a pair of ids and labels, as tensors", _pair),
    Features("a pair of ids and of labels that were shifted, as tensors", _shifted_pair),
    TURNS,
    Features("a pair of the prompt's length and ids, as a list", _measured),
    Features("a triple of ids, mask and labels, as lists", _triple),
    Features("ids, as a tensor", lambda text, _: torch.tensor(text.ids), (), prompts=False),
    Features("ids, as a list", lambda text, _: list(text.ids), (), prompts=False),
    Features(f"{DICT} text", lambda t, m: {"text": written(t.ids, m)}, ("text",), prompts=False),
    Features("a string", lambda text, marks: written(text.ids, marks), (), prompts=False),
)
"""In the order in which they are tried: what tells most comes first. Those whose ``words`` a source lacks are not."""


def fitting(text: str) -> tuple[Features, ...]:
    """Return the forms that a source may mean: those whose own words all stand in it come first."""

    def speaks(word: str) -> bool:
        # a name may say which column it is
        return bool(re.search(rf"['\"]{word}['\"]|\b{word}_(column|field)", text))

    meant = [form for form in FORMS if form.words and all(map(speaks, form.words))]
    return (*meant, *(form for form in FORMS if not form.words)) if text else FORMS
