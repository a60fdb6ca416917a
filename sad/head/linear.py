"""The output head of a causal LM: weight, bias, scale and soft-cap between the last hidden state and the logits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from sad.batch import Tokens
from sad.errors import UserError
from sad.models.forward import run, text_config


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """``logits = cap * tanh(scale * (hidden weight^T + bias) / cap)``; without a weight the states are the logits."""

    weight: Float[Tensor, "rows width"] | None = None
    bias: Float[Tensor, " rows"] | None = None
    scale: float = 1.0
    softcap: float | None = None

    def logits(self, hidden: Float[Tensor, "*places width"]) -> Float[Tensor, "*places rows"]:
        """Return float32 logits, also under autocast and from half precision.

        Logits that are rounded to bfloat16 spoil the KD gradient as the student nears the teacher.
        """
        with torch.autocast(hidden.device.type, enabled=False):
            if self.weight is None:
                return hidden.float()
            bias = None if self.bias is None else self.bias.float()
            logits = F.linear(hidden.float(), self.weight.float(), bias)
        if self.scale != 1.0:
            logits = logits * self.scale
        return logits if self.softcap is None else self.softcap * torch.tanh(logits / self.softcap)

    def finished(self, products: Float[Tensor, "n rows"]) -> Float[Tensor, "n rows"]:
        """Turn products of states and weight, with the bias, into logits, in their memory."""
        if self.scale != 1.0:
            products = products.mul_(self.scale)
        if self.softcap is None:
            return products
        return products.div_(self.softcap).tanh_().mul_(self.softcap)

    def slope(self, logits: Float[Tensor, "n rows"]) -> Float[Tensor, "n rows"] | float:
        """Return the derivative of :meth:`finished` where it gave these logits."""
        if self.softcap is None:
            return self.scale
        return (logits / self.softcap).square_().neg_().add_(1.0).mul_(self.scale)


IDENTITY = Head()
"""For states that are logits already."""


FACTORS = {
    "logit_scale": 1,  # Cohere
    "lm_head_multiplier": 1,  # Falcon-H1
    "logits_scaling": -1,  # Granite
    "logits_mup_width_multiplier": -1,  # Inkling
}
"""Keys of a model's configuration that its logits are multiplied with (1) or divided by (-1)."""


def head_of(model: nn.Module) -> Head:
    """Return the head of a causal LM with the scale and soft-cap that the model's own forward applies.

    Rows that only fill up the weight (``unpadded_vocab_size``) are no tokens. Under FSDP the weight is whole only
    inside the root module's forward: make it there, anew for each pass.
    """
    layer: Any = model.get_output_embeddings()  # type: ignore[operator]
    config = text_config(model)
    caps = (getattr(config, name, None) for name in ("final_logit_softcapping", "logits_soft_cap"))
    weight, bias, rows = layer.weight, getattr(layer, "bias", None), getattr(config, "unpadded_vocab_size", None)
    if rows and rows < weight.shape[0]:
        weight, bias = weight[:rows], None if bias is None else bias[:rows]
    return Head(weight, bias, _scale(config), next(filter(None, caps), None))


def _scale(config: Any) -> float:  # noqa: ANN401 - transformers' configs have no common type
    scale = 1.0
    for name, power in FACTORS.items():
        # HyperCLOVA X multiplies by what Granite divides by
        turned = name == "logits_scaling" and str(getattr(config, "model_type", "")).startswith("hyperclovax")
        scale *= (getattr(config, name, None) or 1.0) ** (-power if turned else power)
    return scale


@torch.no_grad()
def check_head(model: nn.Module, name: str) -> None:
    """Prove on three tokens that body and head together are the model. Raises UserError if they are not."""
    device = next(model.parameters()).device
    ids = torch.tensor([[1, 2, 3]], device=device)
    tokens = Tokens(ids, torch.ones_like(ids))
    own = model(input_ids=ids, attention_mask=tokens.attention_mask, use_cache=False).logits.float()[0]
    ours = head_of(model).logits(run(model, tokens).hidden[0])
    error = float((own - ours).abs().max() / own.abs().max().clamp_min(1.0))
    if not error < 0.02:
        raise UserError(
            f"{name}: its head does something that sad does not know (logits differ by {error:.2g}); "
            "use a model whose logits are a linear map of the last hidden state"
        )
