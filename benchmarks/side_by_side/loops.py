"""A plain loop: both models' logits and KL, or the bodies and Liger's fused head; the same batches in each."""

from __future__ import annotations

import importlib.metadata
import time
from pathlib import Path
from typing import Any

from side_by_side.measure import Peak, ideal_operations, rate_of_products, told

BATCH = 8


def texts_of(path: Path) -> list[str]:
    import json

    return [json.loads(line)["text"] for line in path.read_text(encoding="utf-8").splitlines()]


def steps(asked: dict[str, Any], pair: dict[str, Path], peak: Peak) -> dict[str, Any]:
    import torch
    import torch.nn.functional as F
    from transformers import AutoModelForCausalLM, AutoTokenizer

    fused = None
    if asked["variant"] == "liger":
        from liger_kernel.chunked_loss import LigerFusedLinearJSDLoss

        # forward KL; it divides by the number of labels
        fused = LigerFusedLinearJSDLoss(0.0, 1.0, beta=0.0, compiled=False, chunk_size=256)
    half = "bf16" in asked["variant"]
    tokenizer = AutoTokenizer.from_pretrained(pair["student"])
    teacher = AutoModelForCausalLM.from_pretrained(
        pair["teacher"], dtype=torch.bfloat16 if half else torch.float32
    ).eval()
    student = AutoModelForCausalLM.from_pretrained(pair["student"], dtype=torch.float32).train()
    optimizer = torch.optim.AdamW(student.parameters(), lr=1e-4)
    texts, generator = texts_of(pair["text"]), torch.Generator().manual_seed(0)
    order = torch.randperm(len(texts), generator=generator).tolist()
    times: list[float] = []
    real = computed = 0
    rates = [rate_of_products()]
    for step in range(asked["steps"]):
        start = time.process_time()
        some = [texts[order[(step * BATCH + i) % len(texts)]] for i in range(BATCH)]
        got = tokenizer(some, return_tensors="pt", padding=True, truncation=True, max_length=256)
        ids, mask = got["input_ids"], got["attention_mask"]
        labels = mask[:, 1:].bool()
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            given = {"input_ids": ids, "attention_mask": mask, "use_cache": False}
            if fused is None:
                with torch.no_grad():
                    wanted = teacher(**given).logits[:, :-1][labels].float().log_softmax(dim=-1)
                log_q = student(**given).logits[:, :-1][labels].float().log_softmax(dim=-1)
                loss = F.kl_div(log_q, wanted, reduction="sum", log_target=True) / labels.sum()
            else:
                with torch.no_grad():
                    theirs = teacher.model(**given).last_hidden_state[:, :-1][labels]
                ours = student.model(**given).last_hidden_state[:, :-1][labels]
                loss = fused(ours, student.lm_head.weight, theirs, teacher.lm_head.weight, ids[:, 1:][labels])
        loss.backward()
        torch.nn.utils.clip_grad_norm_(student.parameters(), 1.0)
        optimizer.step()
        float(loss)
        times.append(time.process_time() - start)
        real, computed = real + int(mask.sum()), computed + mask.numel()
    rates.append(rate_of_products())
    tokens, padded = real / asked["steps"], computed / asked["steps"]
    ideal = ideal_operations(teacher, student, tokens)
    version = importlib.metadata.version("liger-kernel") if fused else torch.__version__.split("+")[0]
    return told(times, tokens, padded, ideal, peak, rates, version=version)
