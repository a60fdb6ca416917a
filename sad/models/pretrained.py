"""Loads models and tokenizers from the hub, a folder, a GGUF file or an asset; a UserError for what cannot be."""

from __future__ import annotations

import json
import logging
import shlex
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import nn

from sad.assets.convert import unpacked
from sad.errors import UserError
from sad.models.files import check_model, resolve, whole

TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "tokenizer.model", "vocab.json", "vocab.txt")
TRUST = "trust_remote_code"
ATTENTION = "attn_implementation"


def load_model(
    name: str, dtype: torch.dtype, *, trust: bool = False, quantization: str = "none", trains: bool = False
) -> nn.Module:
    """Load a causal LM with its weights in ``dtype``, or with its matrices in ``quantization`` (int8, int4).

    Python code that lies beside the weights runs only with ``trust``. A model that ``trains`` must not be stored in
    fewer bits. Raises UserError.
    """
    from transformers import AutoConfig, AutoModelForCausalLM

    where, how = _place(name)
    how[TRUST] = trust
    if quantization != "none":
        how["quantization_config"] = _packed(quantization, dtype)
    try:
        config = AutoConfig.from_pretrained(where, **{k: v for k, v in how.items() if k in (TRUST, "gguf_file")})
        _check_config(config, name, trust=trust, trains=trains)
        model, loaded = AutoModelForCausalLM.from_pretrained(where, dtype=dtype, output_loading_info=True, **how)
    except UserError:
        raise
    except Exception as error:
        # transformers raises many kinds for a missing, gated, broken or foreign model: none can be trained
        raise UserError(f"cannot load a causal language model from {name}: {_explained(error, name)}") from None
    _check_whole(loaded, name)
    found: nn.Module = model
    if quantization == "none":
        check_finite(found, name)
        check_causal(found, name)
    else:
        _check_packed(found, name, quantization)
    return found


def _place(name: str) -> tuple[str, dict[str, Any]]:
    """Return where a model lies, and with which options transformers loads it from there. Raises UserError."""
    path = whole(name)
    if path.suffix.lower() == ".gguf":
        _require_gguf()
        return str(path.parent), {"gguf_file": path.name, **unpacked()}
    found_at = resolve(name)
    if isinstance(found_at, Path):
        check_model(found_at, name)
    return str(found_at), {"use_safetensors": True}


def _check_config(config: Any, name: str, *, trust: bool, trains: bool) -> None:  # noqa: ANN401
    """Raise UserError for a model that would run code from a hub, or that is to be trained in fewer bits."""
    if not trust and (asked := _kernels(config)):
        raise UserError(
            f"{name} asks for compiled code from a hub ({asked}), which is run only if you ask for it: take "
            f"{ATTENTION} out of its config.json, or set {TRUST} = true beside its model"
        )
    if trains and (stored := getattr(config, "quantization_config", None)):
        method = stored.get("quant_method") if isinstance(stored, dict) else None
        told = f"{name} is stored in fewer bits ({method or 'quantised'}) and cannot be trained"
        raise UserError(f"{told}: name the model that it was made from")


def _check_packed(model: nn.Module, name: str, quantization: str) -> None:
    """Raise UserError for a model of which no matrix was quantised, or that cannot be run so on this machine."""
    if not any(p.dtype in (torch.int8, torch.uint8) for p in model.parameters()):
        raise UserError(f"{name} has no matrix that bitsandbytes packs: leave out teacher.quantization")
    check_finite(model, name)
    try:
        check_causal(model, name)
    except (RuntimeError, AssertionError) as error:
        # its kernels take matrices of some sizes only, and say so when they are first used
        told = str(error).strip().partition("\n")[0]
        cannot = f"{name} cannot be run in {quantization} on this machine ({told})"
        raise UserError(
            f"{cannot}: set teacher.quantization = {'int4' if quantization == 'int8' else 'int8'}, or leave it out"
        ) from None


def load_tokenizer(name: str, *, trust: bool = False) -> Any:  # noqa: ANN401 - transformers' tokenizers have no common type
    """Load a fast tokenizer. Raises UserError."""
    from transformers import AutoTokenizer

    path = whole(name)
    if path.suffix.lower() == ".gguf":
        _require_gguf()
        where, how = str(path.parent), {"gguf_file": path.name}
    else:
        where, how = str(resolve(name)), {}
    if path.is_dir() and not any((path / file).exists() for file in TOKENIZER_FILES):
        raise UserError(f"{name} holds no tokenizer ({TOKENIZER_FILES[0]}): name its folder with the key `tokenizer`")
    try:
        tokenizer = AutoTokenizer.from_pretrained(where, trust_remote_code=trust, use_fast=True, **how)
    except Exception as error:
        raise UserError(f"cannot load a tokenizer from {name}: {_explained(error, name)}") from None
    templates = getattr(tokenizer, "chat_template", None)
    if isinstance(templates, dict) and (
        wrong := [one for one in templates if not one.replace("-", "_").isidentifier()]
    ):
        # the library writes each to a file of its name, beside the student
        raise UserError(f"the tokenizer of {name} names a chat template {wrong[0]!r}, which is no name: take it out")
    # our windows are cut to length by ourselves; the tokenizer must not warn about whole documents
    tokenizer.model_max_length = int(1e12)
    return tokenizer


def _check_whole(loaded: Mapping[str, Any], name: str) -> None:
    missing, others = (sorted(loaded[kind]) for kind in ("missing_keys", "unexpected_keys"))
    if not missing:
        return
    # transformers would fill them with random numbers
    if others:
        told = f"its config.json asks for {missing[0]}, its weights hold {others[0]}"
        raise UserError(f"{name} has weights of another architecture ({told}): put both of one model together")
    raise UserError(
        f"{name} lacks {len(missing)} weights of its model, {missing[0]} for one: it is not whole, fetch it again"
    )


@torch.no_grad()
def check_finite(model: nn.Module, name: str) -> None:
    """Raise UserError where a weight is NaN or infinite: such a model knows nothing, and no step can mend it."""
    for at, weight in model.named_parameters():
        # minimum and maximum are NaN where any number is; no copy is made
        if weight.is_floating_point() and weight.numel() and not all(map(torch.isfinite, torch.aminmax(weight))):
            raise UserError(f"{name} has weights that are NaN or infinite, {at} for one: fetch it or save it again")


@torch.no_grad()
def check_causal(model: nn.Module, name: str) -> None:
    """Prove on four tokens that no position reads what comes after it. Raises UserError: BERT does, and loads too."""
    device = next(model.parameters()).device
    ids = torch.tensor([[1, 2, 3, 4], [1, 2, 5, 6]], device=device)
    was = model.training
    logits = model.eval()(input_ids=ids, attention_mask=torch.ones_like(ids), use_cache=False).logits.float()
    model.train(was)
    if not torch.isfinite(logits).all():
        bad = f"{name} answers four tokens with logits that are NaN or infinite"
        raise UserError(f"{bad}: fetch it again, or, if it overflows, set train.precision = fp32")
    apart = float((logits[0, :2] - logits[1, :2]).abs().max() / logits.abs().max().clamp_min(1e-6))
    # the rounding between two rows of one batch, in half precision or in fewer bits
    exact = all(p.dtype == torch.float32 for p in model.parameters())
    if not apart < (1e-4 if exact else 0.05):
        told = f"{name} reads the text after a token to predict it: it is no causal language model"
        raise UserError(f"{told}; name one that is")


def _kernels(config: Any) -> str:  # noqa: ANN401 - a configuration of transformers
    """Return what a configuration, or one inside it, wants to fetch and run in place of its layers' code, or ""."""
    for kind in ("attn", "experts"):
        asked = getattr(config, f"_{kind}_implementation_internal", None)
        flash = str(asked).startswith("flash") and find_spec("flash_attn") is None
        if isinstance(asked, str) and ("/" in asked or (flash and find_spec("kernels") is not None)):
            return asked
    inner = (one for one in vars(config).values() if hasattr(one, "_attn_implementation_internal"))
    return next(filter(None, map(_kernels, inner)), "")


def _packed(quantization: str, dtype: torch.dtype) -> Any:  # noqa: ANN401 - a class of transformers
    """How bitsandbytes packs matrices: LLM.int8 (arXiv 2208.07339), or NF4 in 4 bits (arXiv 2305.14314)."""
    if find_spec("bitsandbytes") is None:
        raise UserError(f"teacher.quantization = {quantization} needs bitsandbytes: pip install bitsandbytes")
    from transformers import BitsAndBytesConfig

    # it says that int8 computes in float16, and which faster kernels there might be
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
    if quantization == "int8":
        return BitsAndBytesConfig(load_in_8bit=True)
    return BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=dtype)


def _require_gguf() -> None:
    if find_spec("gguf") is None:
        raise UserError('GGUF files need the extra: pip install "student-aware-distillation[gguf]"')


def _explained(error: Exception, name: str) -> str:
    """What went wrong, and the way out, in one line: the libraries say it in many, or without the way."""
    told = str(error).strip()
    first = told.splitlines()[0] if told else type(error).__name__
    if isinstance(error, KeyError):
        return f"it lacks {first}: fetch it again"
    low = told.lower()
    if "gated repo" in low or "access to model" in low:
        return "it is gated: ask for access on its page, then log in with: hf auth login"
    if "is not a valid model identifier" in low or "repository not found" in low:
        return "the hub has no such model, or it is private: check the name, or log in with: hf auth login"
    if "couldn't connect" in low or "disk cache" in low or "offline mode" in low:
        # the hub client names its address and no way out
        return "no such folder here, and the hub cannot be reached: name the folder of a model, or embedded"
    if "safetensors" in low and ("no file named" in low or "does not appear to have" in low):
        return _convert(name)
    if "ignore_mismatched_sizes" in low:
        return "its weights are of other sizes than its config.json says: put both of one model together"
    if TRUST in low:
        own = "it is made of Python code of its own, which is run only if you ask for it"
        return f"{own}: read the code, then set {TRUST} = true beside its model"
    if "does not recognize this architecture" in low:
        return f"this release of transformers does not know it ({first.split('`')[1]}): pip install -U transformers"
    if "unrecognized configuration class" in low:
        return "it is of another kind (not a decoder that predicts the next token)"
    if "backend tokenizer" in low:
        return f"it has no fast tokenizer: name one that has a {TOKENIZER_FILES[0]} with the key `tokenizer`"
    return first


def _convert(name: str) -> str:
    path = Path(name).expanduser()
    if path.is_dir() and not list(path.glob("*.bin")):
        return "the folder holds no weights (model.safetensors)"
    target = f"{path.name}-safetensors"
    make = f"m.from_pretrained({json.dumps(name)}, use_safetensors=False).save_pretrained({json.dumps(target)})"
    tokens = f"t.from_pretrained({json.dumps(name)}).save_pretrained({json.dumps(target)})"
    code = shlex.quote(f"from transformers import AutoModelForCausalLM as m, AutoTokenizer as t; {make}; {tokens}")
    return (
        "its weights are stored as pickle (.bin), which can run code when it is read; if you trust it, convert it: "
        f"python -c {code}"
    )
