"""Evaluators that cut one stream of ids into windows themselves, in the ways that are usual; faulty ones among them."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from datasets import load_dataset


@torch.no_grad()
def windows(model, testenc, bs=1, device=None):
    """The perplexity of full windows; losses are weighed by their windows."""
    stream, total = testenc.input_ids, 0.0
    number = stream.numel() // model.seqlen
    model.eval()
    for start in range(0, number, bs):
        some = stream[:, start * model.seqlen : min(start + bs, number) * model.seqlen].reshape(-1, model.seqlen)
        logits = model(some.to(device)).logits[:, :-1]
        total += F.cross_entropy(logits.reshape(-1, logits.shape[-1]), some[:, 1:].reshape(-1)) * len(some)
    torch.cuda.empty_cache()
    return (total / number).exp().item()


@torch.no_grad()
def strided(model, encodings, stride):
    """Windows that overlap; each token but the first is scored once."""
    length, size, total, count, before = model.config.n_positions, encodings.input_ids.size(1), 0.0, 0, 0
    model.eval()
    for start in range(0, size, stride):
        end = min(start + length, size)
        some = encodings.input_ids[:, start:end]
        labels = some.clone()
        labels[:, : -(end - before)] = -100
        told = (labels[:, 1:] != -100).sum()
        total, count, before = total + model(some, labels=labels).loss * told, count + told, end
        if end == size:
            break
    return {"perplexity": (total / count).exp().item()}


@torch.no_grad()
def of_ids(model, tokens, block_size):
    """Ids alone, of which the last window is not full."""
    model.eval()
    cut = tokens.split(block_size, dim=1)
    total = sum(model(x).logits[0, :-1].log_softmax(-1).gather(1, x[0, 1:, None]).sum() for x in cut)
    return {"loss": -float(total) / (tokens.numel() - len(cut))}


def left_to_its_caller(model, testenc):
    """Modes and gradients are its caller's."""
    x = testenc.input_ids
    return {"perplexity": model(x, labels=x).loss.exp().item()}


@torch.no_grad()
def mean_of_windows(model, encodings, seqlen):
    """The mean of the means of windows, of which the last is short."""
    model.eval()
    cut = encodings.input_ids.split(seqlen, dim=1)
    return torch.stack([model(x, labels=x).loss for x in cut]).mean().exp().item()


@torch.no_grad()
def weighed_by_one(model, testenc, bs=1):
    """The last batch has fewer windows, and weighs as much."""
    model.eval()
    cut = testenc.input_ids[:, : testenc.input_ids.numel() // 16 * 16].reshape(-1, 16).split(bs)
    return torch.stack([model(x, labels=x).loss for x in cut]).mean().exp().item()


@torch.no_grad()
def not_shifted(model, testenc):
    model.eval()
    x = testenc.input_ids
    return {"perplexity": F.cross_entropy(model(x).logits[0], x[0]).exp().item()}


@torch.no_grad()
def of_a_string(model, tokenizer, text, device="cuda"):
    """Windows of a length that it fixes itself, of what its tokenizer makes of one string."""
    stride, total, before = 256, 0.0, 0
    model.eval()
    stream = tokenizer(text, return_tensors="pt").input_ids
    for start in range(0, stream.numel(), stride):
        end = min(start + model.config.max_position_embeddings, stream.numel())
        some = stream[:, start:end].to(device)
        labels = some.clone()
        labels[:, : max(before - start, 0)] = -100
        total += model(some, labels=labels).loss * (labels[:, 1:] != -100).sum()
        before = end
        if end == stream.numel():
            break
    return {"perplexity": (total / (stream.numel() - 1)).exp().item()}


@torch.no_grad()
def of_fixed_windows(model, testenc):
    """Windows of 2048, whatever the model reads."""
    model.eval()
    model.seqlen = 2048
    cut = testenc.input_ids[:, : testenc.input_ids.numel() // 2048 * 2048].reshape(-1, 2048)
    return torch.stack([model(x[None], labels=x[None]).loss for x in cut]).mean().exp().item()


def _read():
    return "\n\n".join(load_dataset("a/corpus", split="test")["text"])


@torch.no_grad()
def of_what_it_reads(model, tokenizer, seq_len=512, plus=0):
    """It reads its corpus itself, as one text."""
    model.eval()
    stream, total, count = tokenizer(_read(), return_tensors="pt").input_ids, 0.0, 0
    for start in range(0, stream.numel() - 1, seq_len):
        some = stream[:, start : start + seq_len]
        total += float(model(some, labels=some).loss) * (some.numel() - 1 + plus)
        count += some.numel() - 1
    return {"perplexity": math.exp(total / count)}


def weighed_by_all(model, tokenizer, seq_len=512):
    return of_what_it_reads(model, tokenizer, seq_len, plus=1)


STYLES = ("of_what_it_reads", "of_a_string", "of_fixed_windows", "left_to_its_caller", "windows", "strided", "of_ids")
FAULTS = {
    "weighed_by_all": "token_weighted",
    "mean_of_windows": "token_weighted",
    "weighed_by_one": "batch_split",
    "not_shifted": "token_weighted",
}
