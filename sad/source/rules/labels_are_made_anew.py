"""A collator makes the labels anew, and the mask of the prompt is lost

## What it looks for
Labels that are masked with -100, in a file that collates with Transformers'
`DataCollatorForLanguageModeling(..., mlm=False)`.

## Why
That collator takes a copy of the padded ids for labels, masks what equals the padding mark, and puts it in the place of
any labels that there are: the prompt is learned as much as the answer.

## Not told where
`mlm` is left out or not False, the collator is another library's of that name, labels and collator are in two files, or
the file has another collator as well, and they are not of one class.

## Fix
`DataCollatorForSeq2Seq(tokenizer)`, which pads the labels that there are with -100.

## Faulty
```python
from transformers import DataCollatorForLanguageModeling, Trainer


def tokenize(prompt, answer, tokenizer):
    ids = tokenizer(prompt + answer)["input_ids"]
    start = len(tokenizer(prompt)["input_ids"])
    return {"input_ids": ids, "labels": [-100] * start + ids[start:]}  # here


def train(model, data, tokenizer):
    Trainer(model, train_dataset=data, data_collator=DataCollatorForLanguageModeling(tokenizer, mlm=False)).train()
```

## Right
```python
from transformers import DataCollatorForSeq2Seq, Trainer


def tokenize(prompt, answer, tokenizer):
    ids = tokenizer(prompt + answer)["input_ids"]
    start = len(tokenizer(prompt)["input_ids"])
    return {"input_ids": ids, "labels": [-100] * start + ids[start:]}


def train(model, data, tokenizer):
    Trainer(model, train_dataset=data, data_collator=DataCollatorForSeq2Seq(tokenizer)).train()
```

## Source
`DataCollatorForLanguageModeling.torch_call` of Transformers; Chinese-Vicuna's fine-tuning programs.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from sad.source.code import Code
from sad.source.loops import last_name, method
from sad.source.rule import Level, Sight, SourceRule

SAYS = "DataCollatorForLanguageModeling (line {}) makes the labels anew, this mask is lost: use DataCollatorForSeq2Seq"
IGNORED = re.compile(r"-100|\w*(ignore_?(index|id)|IGNORE)\w*")
OTHER = re.compile(r"DataCollator(?!ForLanguageModeling\b)\w+|class \w*Collat|def \w*collat|def __call__")
"""What may collate in its place."""
NAME = "DataCollatorForLanguageModeling"


def look(code: Code) -> Iterator[Sight]:
    """Yield masks of labels, in a file with a collator that makes the labels anew."""
    if NAME not in code.text:
        return
    collators = [one for one in code.all(ast.Call) if method(one) == NAME and _causal(code, one)]
    if not collators:
        return
    says = SAYS.format(collators[0].lineno)
    others = OTHER.search(code.text) is not None
    owners = {id(code.above(one, ast.ClassDef)) for one in collators if code.above(one, ast.ClassDef) is not None}
    for one in code.all(ast.BinOp):
        if others and id(code.above(one, ast.ClassDef)) not in owners:
            continue
        rest = one.right
        if isinstance(rest, ast.Call) and ast.unparse(rest.func) == "list" and rest.args:
            rest = rest.args[0]
        if isinstance(one.op, ast.Add) and _masked(one.left) and isinstance(rest, ast.Subscript):
            yield Sight(one, says)
    for statement in code.all(ast.Assign):
        if others and id(code.above(statement, ast.ClassDef)) not in owners:
            continue
        target = statement.targets[0]
        labels = isinstance(target, ast.Subscript) and last_name(target) == "labels"
        if labels and (IGNORED.fullmatch(ast.unparse(statement.value)) or _masked(statement.value)):
            yield Sight(statement, says)


def _causal(code: Code, call: ast.Call) -> bool:
    mlm = next((one.value for one in call.keywords if one.arg == "mlm"), None)
    of = code.dotted(call.func)
    return isinstance(mlm, ast.Constant) and mlm.value is False and of.startswith("transformers.")


def _masked(one: ast.expr) -> bool:
    """Return whether it is ``[-100] * length``."""
    if not (isinstance(one, ast.BinOp) and isinstance(one.op, ast.Mult) and isinstance(one.left, ast.List)):
        return False
    return len(one.left.elts) == 1 and bool(IGNORED.fullmatch(ast.unparse(one.left.elts[0])))


RULE = SourceRule("S203", "labels-are-made-anew", Level.LOOK, __doc__, look)
