"""Both models: shape, layer map, dtype, tied heads, broken weights, parameters that no gradient reaches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

from sad.align.layers import layer_pairs
from sad.batch import CONTRASTIVE, LAYERWISE
from sad.models.forward import text_config
from sad.preflight.bench import Bench
from sad.preflight.finding import Finding, Level
from sad.preflight.opening import opening

TOPIC = "models"
NAMED = 3
"""How many names are listed at most."""


def models(bench: Bench) -> Iterator[Finding]:
    """Judge the pair as it was loaded."""
    pair = bench.plan.pair
    for name, model in (("teacher", pair.teacher), ("student", pair.student)):
        yield Finding(TOPIC, Level.FINE, f"{name}: {shape(model)}")
        yield from _broken(name, model)
        yield from _tied(name, model)
    yield _map(bench)
    yield from _reached(bench)


def shape(model: nn.Module) -> str:
    """Layers, width, parameters, dtype and head of a model, in one line."""
    config, count = text_config(model), sum(p.numel() for p in model.parameters())
    dtypes = sorted({str(p.dtype).removeprefix("torch.") for p in model.parameters()})
    head = "tied" if shares_head(model) else "its own"
    rows = _embedding(model).shape[0]
    size = f"{config.num_hidden_layers} layers x {config.hidden_size}, {count / 1e6:,.1f}M parameters"
    return f"{size}, {', '.join(dtypes)}, vocabulary rows {rows:,}, head {head}"


def shares_head(model: nn.Module) -> bool:
    """Whether the output head and the embedding are one tensor, whatever the configuration says."""
    head = model.get_output_embeddings().weight  # type: ignore[operator]
    return bool(head.data_ptr() == _embedding(model).data_ptr())


def _embedding(model: nn.Module) -> torch.Tensor:
    weight: torch.Tensor = model.get_input_embeddings().weight  # type: ignore[operator]
    return weight


def _broken(name: str, model: nn.Module) -> Iterator[Finding]:
    bad = [n for n, p in model.named_parameters() if not bool(torch.isfinite(p).all())]
    if bad:
        says = f"the {name} has weights that are not finite: {_some(bad)}"
        yield Finding(TOPIC, Level.WRONG, says, advice="fetch or convert the model again", numbers={"broken": len(bad)})


def _tied(name: str, model: nn.Module) -> Iterator[Finding]:
    wanted, shared = bool(getattr(text_config(model), "tie_word_embeddings", False)), shares_head(model)
    if wanted and not shared:
        apart = float((model.get_output_embeddings().weight - _embedding(model)).detach().abs().max())  # type: ignore[operator]
        says = (
            f"the {name}'s configuration ties its head to the embedding, but they are two tensors (they differ by "
            f"{apart:.2g}): some loaders tie them again, and make another model of what was saved"
        )
        yield Finding(TOPIC, Level.WARNING, says, advice="save it with tie_word_embeddings = false in its config.json")
    elif shared and not wanted:
        says = f"the {name}'s configuration unties its head, but it is the embedding's tensor: loaded again it is two"
        yield Finding(TOPIC, Level.WARNING, says, advice="save it with tie_word_embeddings = true in its config.json")


def _map(bench: Bench) -> Finding:
    mine, theirs = (text_config(m) for m in (bench.plan.pair.student, bench.plan.pair.teacher))
    wanted = bench.plan.recipe.terms
    unused = "" if {LAYERWISE, CONTRASTIVE} & set(wanted.weights) else "; no term compares states"
    pairs = layer_pairs(
        mine.num_hidden_layers, theirs.num_hidden_layers, wanted.layerwise.layers, key="terms.layerwise.layers"
    )
    told = ", ".join(f"{s} to {t}" for s, t in pairs)
    # as terms.layerwise.layers numbers them
    says = f"layer map (student's block to teacher's, the first being 0): {told}{unused}"
    return Finding(TOPIC, Level.FINE, says)


def _reached(bench: Bench) -> Iterator[Finding]:
    found = bench.once(opening)
    frozen = [n for n, p in bench.plan.pair.student.named_parameters() if not p.requires_grad]
    if frozen:
        yield Finding(TOPIC, Level.WARNING, f"{len(frozen)} tensors of the student are frozen: {_some(frozen)}")
    lost = sum(found.unreached.values()) / max(1, found.trainable)
    says = f"{_some(list(found.unreached))} of the student gets no gradient from the first batch ({lost:.1%} of it)"
    numbers: dict[str, Any] = {"numbers": {"unreached": lost}}
    if not found.trainable or lost > 0.5:
        yield Finding(
            TOPIC, Level.WRONG, says, advice="the student would hardly train: see which terms are on", **numbers
        )
    elif found.unreached:
        yield Finding(TOPIC, Level.WARNING, says, **numbers)
    else:
        yield Finding(TOPIC, Level.FINE, "every trainable tensor of the student gets a gradient", **numbers)


def _some(names: list[str]) -> str:
    rest = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {rest} more" if rest > 0 else "")
