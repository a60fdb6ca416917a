"""The evaluation of a trainer of transformers, subclassed by someone: the trainer is made, and scores batches."""

from __future__ import annotations

from collections.abc import Sequence
from tempfile import TemporaryDirectory
from typing import Any

from torch import nn

from sad.judge.evaluators.batches import FORMS, Rows, loader
from sad.judge.steps.library import Library, alone


def evaluated(library: Library, model: nn.Module, rows: Sequence[Rows]) -> Any:  # noqa: ANN401 - what it returns
    """Return what its ``evaluate`` returns of a model on batches as they are given, whatever its batch size.

    Raises UserError for a trainer that needs more than a model, arguments, a collator and data.
    """
    import transformers

    library.needs_no_more()
    given = loader(FORMS[0], rows)
    alone()
    with TemporaryDirectory() as folder:
        arguments = transformers.TrainingArguments(
            output_dir=folder, report_to="none", disable_tqdm=True, use_cpu=True, remove_unused_columns=False
        )
        of = type(library.kind.__name__, (library.kind,), {"get_eval_dataloader": lambda *_, **__: given})
        values = {"model": model, "args": arguments, "data_collator": given.collate_fn, "eval_dataset": given.dataset}
        made = of(**library.arguments(values))
        found = made.evaluate()
    alone()
    return found
