"""Labels: each state predicts the token after it, sees nothing of it; every token has one, and no padding does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import nn

from sad.batch import LM, Batch, Targets, Tokens
from sad.head.linear import head_of
from sad.head.vocabulary import vocabulary_pass
from sad.models.forward import run
from sad.preflight.bench import Bench
from sad.preflight.finding import Finding, judged, off
from sad.preflight.label_count import count_labels
from sad.preflight.prompts import mask_prompts

LEAK = 1e-3
"""Change of a logit, as a share of the largest, that a later token may cause: float noise is 1e-5 at the most."""


def labels(bench: Bench) -> Iterator[Finding]:
    """Judge which tokens are labels, their shift, and causality, for both models, and what of chats is masked."""
    yield count_labels(bench)
    with bench.kit(exact=True) as kit:
        few = bench.few
        batch = kit.collated(few)
        # of a chat, what its ranges say
        chats = [None if one.runs is None else one.labels() for one in few]
        for side, (name, model, tokens, targets) in enumerate(
            (
                ("student", kit.distiller.student, batch.student, batch.targets),
                ("teacher", kit.distiller.teacher, batch.teacher, batch.teacher_targets),
            )
        ):
            told = {row: both[side].tolist() for row, both in enumerate(chats) if both is not None}
            yield _shift(bench.tolerance, name, model, tokens, targets, told)
            yield _causal(name, model, tokens)
        yield _counted(batch)
    yield mask_prompts(bench)


@torch.no_grad()
def _shift(
    tolerance: float,
    name: str,
    model: nn.Module,
    tokens: Tokens,
    targets: Targets,
    told: Mapping[int, list[int]],
) -> Finding:
    """Compare the term's sum with a plain one, in float64, from the model's own logits and the next tokens.

    ``told`` are the positions of rows of which a part alone is learned.
    """
    states = run(model, tokens).hidden[targets.row, targets.position]
    ours = float(vocabulary_pass(states, head_of(model), targets.token).lm)
    plain, count = 0.0, 0
    logits = model(input_ids=tokens.input_ids, attention_mask=tokens.attention_mask, use_cache=False).logits
    log_p = torch.log_softmax(logits.double(), dim=-1)
    first: dict[int, int] = {}
    for row, position in zip(targets.row.tolist(), targets.position.tolist(), strict=True):
        first[row] = min(position, first.get(row, position))
    for row, start in first.items():
        for position in told.get(row, range(start, int(tokens.attention_mask[row].sum()) - 1)):
            plain -= float(log_p[row, position, tokens.input_ids[row, position + 1]])
            count += 1
    apart = off(ours, plain)
    wrong = int((tokens.input_ids[targets.row, targets.position + 1] != targets.token).sum())
    return judged(
        "label shift",
        not apart <= tolerance or bool(wrong) or count != len(targets),
        f"{name}: {count} labels, each the token after its state; the sum equals the plain one (off by {apart:.1g})",
        f"{name}: {wrong} of {len(targets)} labels are not the token after their state; the sum is off by {apart:.1%} "
        f"of the plain one over {count} tokens",
        advice="the code that trains is at fault: run sad verify V3",
        numbers={"apart": apart, "off": wrong},
    )


@torch.no_grad()
def _causal(name: str, model: nn.Module, tokens: Tokens) -> Finding:
    """Change the second half of each text: no logit of the first half may move."""
    half = int(tokens.attention_mask.sum(dim=1).min()) // 2
    ids = tokens.input_ids.clone()
    ids[:, half:] = ids[:, half:].flip(1)
    ids[:, half] = (ids[:, half] + 1) % (int(ids.max()) + 1)
    before, after = (
        head_of(model).logits(run(model, Tokens(some, torch.ones_like(some))).hidden[:, :half])
        for some in (tokens.input_ids, ids)
    )
    moved = float((before - after).abs().max() / before.abs().max().clamp_min(1e-30))
    return judged(
        "causality",
        not moved <= LEAK,
        f"{name}: no logit sees a later token (moved by {moved:.1g})",
        f"{name}: a logit moves by {moved:.2%} when later tokens change: it sees its own label",
        advice="this is no causal language model, or its attention mask is off",
        numbers={"moved": moved},
    )


def _counted(batch: Batch) -> Finding:
    counts, real = batch.counts(), int(batch.student.attention_mask.sum())
    pads = int((batch.student.attention_mask[batch.targets.row, batch.targets.position + 1] == 0).sum())
    return judged(
        "label shift",
        bool(pads) or counts[LM] >= real,
        f"{counts['lm']} labels of {real} tokens, none on padding",
        f"{pads} labels stand on padding",
        numbers={"pads": pads, "labels": counts[LM]},
    )
