"""What a loss is for, texts or classes of examples: from its source, its class and its module, in that order."""

from __future__ import annotations

import inspect
import re
import sys
from typing import Any

from sad.judge.losses.call import Call
from sad.judge.names import MASKS, tokens
from sad.judge.roles import Reading, Role
from sad.judge.texts import text_of

TEXTS = re.compile(
    r"causal|next.token|\bllms?\b|\bgpt|llama|qwen|mistral|instruct|\bsft|prompt|completion|generat|on.?policy|\bgkd"
    r"|language.model|seq2seq|attention_mask|response|chat|\bdpo|dpo\b|dpotrainer|seq_len|vocab",
    re.IGNORECASE,
)
"""What is in a source that is about texts."""
CLASSES = re.compile(
    r"classif|\bimages?\b|imagenet|cifar|mnist|\bvision\b|resnet|\bvits?\b|\bdeit|num_classes|\bglue\b|top.?1.acc",
    re.IGNORECASE,
)
"""What is in a source that is about examples with one label each."""
DECISIVE = (
    re.compile(r"ForCausalLM|LMHeadModel|ForConditionalGeneration|Seq2SeqLM|SFTTrainer|ForTokenClassification"),
    re.compile(r"For(Sequence|Image|Audio)Classification|ForMultipleChoice|torchvision"),
)
"""Models of the one and of the other, where words speak of both."""
OWN = re.compile(r"-100|attention_mask|input_ids|vocab", re.IGNORECASE)
"""What leaves no doubt in the source of the loss itself."""
FLAT = re.compile(r"(?:view|reshape)\(\s*-1|flatten\(|rearrange\(|\[\w*(?:mask|valid|active)\w*\]")
"""Where a source makes rows of [batch, length, vocab]."""
LANGUAGE = re.compile(r"-100\b|CausalLM|language.model|next.token|vocab_size", re.IGNORECASE)
"""What is in a module that is about language models."""
SEQUENCES = re.compile(
    r"batch\w*[\s,*x]+\w*(seq|len|tok|time)\w*[^\n]{0,30}[,x]\s*\w*vocab|\[\s*b\w*\s*,\s*[tsl]\w*\s*,\s*v\w*\s*\]"
    r"|\.\.\.,\s*:-1\s*,\s*:\s*\]|\[:\s*,\s*:-1\b|\(\s*b\s*,\s*[tsl]\s*,\s*v\s*\)",
    re.IGNORECASE,
)
"""Where source or docs say that logits are [batch, length, vocab]."""
AXES = re.compile(
    r"[\[(]\s*b\w*\s*,\s*(\w*seq\w*|\w*len\w*|\w*tok\w*|[tsln])\s*,\s*(\w*vocab\w*|v)\s*[\])]"
    r"|\.\.\.,\s*:-1\s*,\s*:\s*\]|\[:\s*,\s*:-1\s*(,\s*:\s*)?\]",
    re.IGNORECASE,
)
"""The same, without rows that were flattened before."""
MERGED = re.compile(
    r"flatten\(\s*(?:start_dim\s*=\s*)?0\s*,\s*(?:end_dim\s*=\s*)?1\s*\)|\(\s*0\s*,\s*1\s*\)\s*,\s*keepdim\s*=\s*True"
)
"""Where a source takes the first two axes together and keeps the last: of [rows, vocab] nothing would be left."""
AXIS_ONE = re.compile(r"softmax\((?:[^()]|\([^()]*\))*?(,\s*|dim\s*=\s*)1\s*\)")
"""A softmax along axis 1."""


def upright(reading: Reading) -> list[str]:
    """Return the masks whose name leaves no doubt that 1 is a row that counts."""
    return [n for n in reading.named(Role.MASK) if "_".join(tokens(n)) in MASKS - {"mask", "masks"}]


def source(call: Call) -> str:
    """Return the source of the loss, with that of its class where it is one; '' where there is none to read."""
    target = call.about or call.target
    target = target.__func__ if isinstance(target, classmethod) else target
    target = target if inspect.isclass(target) or inspect.isroutine(target) else type(target)
    try:
        return text_of(target)
    except (OSError, TypeError):
        return ""


def with_helpers(call: Call) -> str:
    """Return the source of the loss, and of what of its module it calls, and those: functions, classes and objects."""
    texts = [source(call)]
    module = sys.modules.get(getattr(call.about or call.target, "__module__", "") or "")
    every = vars(module).items() if module else ()
    # an object of a class of its own by that: `distance_loss = RKDDistanceLoss()`
    kinds = {name: of if inspect.isfunction(of) or inspect.isclass(of) else type(of) for name, of in every}
    left = {name: of for name, of in kinds.items() if inspect.isfunction(of) or _is_of(of, module)}
    while named := [name for name in left if re.search(rf"\b{name}\(", texts[-1])]:
        texts.append("\n".join(_source(left.pop(name)) for name in named))
    return "\n".join(texts)


def _is_of(one: Any, module: object) -> bool:  # noqa: ANN401 - a class
    return bool(one.__module__ == getattr(module, "__name__", ""))


def of_sequences(call: Call) -> bool:
    """Whether source or parameters say that logits are [batch, length, vocab]."""
    text = source(call)
    return bool(AXES.search(text)) or bool(upright(call.reading)) or _made_rows(call, text)


def _made_rows(call: Call, text: str) -> bool:
    """Whether the student's logits are cut into rows of the vocabulary somewhere: rows would not be."""
    names = call.reading.named(Role.STUDENT)
    return any(re.search(rf"\b{re.escape(name)}\.(?:view|reshape)\(\s*-1\s*,[^()]*vocab", text) for name in names)


def of_texts(call: Call) -> bool:
    """Whether it is for texts: its own source says so, else what is around it, if that says nothing of classes."""
    own = source(call)
    if OWN.search(own) or SEQUENCES.search(own):
        return True
    return next((texts for texts, classes in _told(call) if texts != classes), False)


def of_classes(call: Call) -> bool:
    """Whether it is for examples with one label each."""
    own = source(call)
    if OWN.search(own) or SEQUENCES.search(own):
        return False
    return next((classes for texts, classes in _told(call) if texts != classes), False)


def _told(call: Call) -> list[tuple[bool, bool]]:
    texts = (source(call), *around(call))
    words = [(bool(TEXTS.search(text)), bool(CLASSES.search(text))) for text in texts]
    models = [(bool(DECISIVE[0].search(text)), bool(DECISIVE[1].search(text))) for text in texts]
    return [*words[:2], *models[2:], *words[2:]]


def of_language_models(call: Call) -> bool:
    """Whether the module that it stands in is about language models, nothing in it about classes, and nothing in it
    makes rows of texts.
    """
    module = around(call)[1]
    others = (CLASSES, DECISIVE[1], FLAT)
    return bool(LANGUAGE.search(module)) and not any(other.search(module) for other in others)


def around(call: Call) -> list[str]:
    """The class that a method is of with the names of its bases, and the source of its module; '' for what is not."""
    target = call.about or call.target
    owner = call.owner or (target if inspect.isclass(target) else None)
    names = " ".join(base.__name__ for base in owner.__mro__) if owner is not None else ""
    module = sys.modules.get(getattr(owner or target, "__module__", "") or "")
    return [f"{names}\n{_source(owner)}", _source(module)]


def _source(of: object) -> str:
    try:
        return text_of(of) if of is not None else ""
    except (OSError, TypeError):
        return ""
