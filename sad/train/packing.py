"""Proves that a model keeps texts apart that share a row: that none of them changes the logits of another."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sad.batch import Tokens
from sad.errors import UserError
from sad.models.forward import run, text_config
from sad.models.modes import evaluating

LENGTHS = ((7, 5, 9), (11, 3))
"""Tokens of the texts of each row."""

WINDOWS = ("sliding_window", "attention_chunk_size", "local_attention", "attention_window_size", "window_size")
"""Keys of a configuration that limit how far a layer sees, which our own mask does not respect."""

NOISE = 0.1
"""Share of the change that texts cause when they do see each other, up to which a change counts as rounding."""

MOST = {torch.float32: 1e-3}
"""Largest change of a state, relative to the largest state; other types round to 3 digits or less."""


@torch.no_grad()
def check_packing(model: nn.Module, name: str, max_length: int) -> None:
    """Compare the states of five short texts in two rows with those of each alone. Raises UserError if they differ."""
    refuse = f"the {name} cannot have several texts in a row"
    way_out = "set train.packing = false (windows of one length then go together: train.buckets)"
    config = text_config(model)
    for key in WINDOWS:
        sees = getattr(config, key, None)
        if isinstance(sees, int) and not isinstance(sees, bool) and 0 < sees < max_length:
            raise UserError(f"{refuse}: its layers see {sees} tokens ({key}), a row has {max_length}; {way_out}")
    try:
        with evaluating(model):
            changed, would = _changed(model)
    except UserError:
        raise
    except Exception as error:
        # a model that does not know masks of four dimensions can raise anything
        told = (str(error) or type(error).__name__).splitlines()[0]
        raise UserError(f"{refuse}: it fails ({told}); {way_out}") from None
    most = MOST.get(next(model.parameters()).dtype, 2e-2)
    if not (changed <= most and changed <= NOISE * would):
        says = f"its states change by {changed:.2g} of the largest, and by {would:.2g} where texts do see each other"
        raise UserError(f"{refuse}: {says}; {way_out}")


def _changed(model: nn.Module) -> tuple[float, float]:
    """Return how much states change in a row with other texts, and how much if those were one text with them."""
    device = next(model.parameters()).device
    size = text_config(model).vocab_size
    rows = [[1 + torch.arange(n, device=device) * (7 + 3 * n) % (size - 1) for n in of] for of in LENGTHS]
    longest = max(sum(of) for of in LENGTHS)

    def laid(parts: list[list[Tensor]]) -> Tensor:
        return torch.stack([nn.functional.pad(torch.cat(of), (0, longest - sum(map(len, of)))) for of in parts])

    ids = laid(rows)
    mask = laid([[torch.ones_like(one) for one in of] for of in rows])
    places = laid([[torch.arange(len(one), device=device) for one in of] for of in rows])
    text = laid([[torch.full_like(one, i) for i, one in enumerate(of, 1)] for of in rows])
    together = run(model, Tokens(ids, mask, places, text)).hidden.float()
    joined = run(model, Tokens(ids, mask)).hidden.float()
    worst, seen, largest = 0.0, 0.0, 1e-30
    for row, of in enumerate(rows):
        start = 0
        for one in of:
            alone = run(model, Tokens(one[None], torch.ones_like(one)[None])).hidden.float()[0]
            here = slice(start, start + len(one))
            worst = max(worst, float((together[row, here] - alone).abs().max()))
            seen = max(seen, float((joined[row, here] - alone).abs().max()))
            largest = max(largest, float(alone.abs().max()))
            start += len(one)
    return worst / largest, seen / largest
