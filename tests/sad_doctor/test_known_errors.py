import re

import pytest

from sad_doctor.known_errors import _NUMBERED, _TEXTS, explained

REAL = {
    "RuntimeError: The size of tensor a (168) must match the size of tensor b (160) at non-singleton dimension 1": (
        "two sequence lengths, 168 and 160"
    ),
    "RuntimeError: mat1 and mat2 shapes cannot be multiplied (336x576 and 1024x1024)": "a state of width 576",
    "ValueError: Expected input batch_size (508) to match target batch_size (512).": "508 rows of logits and 512",
    "RuntimeError: expected scalar type Half but found Float": "half and single",
    "ValueError: Attempting to unscale FP16 gradients.": "the loss is scaled for float16",
    "AssertionError: No inf checks were recorded for this optimizer.": "the optimizer has not one gradient",
    "RuntimeError: CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`": "the GPU had no memory",
    "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB": "out of memory",
    "slurmstepd: error: *** JOB 7 ON n1 CANCELLED AT 2026-01-01T00:00:00 DUE TO TIME LIMIT ***": "the scheduler's time",
    "RuntimeError: DataLoader worker (pid 4243) is killed by signal: Bus error.": "a process that loads data died",
    "Killed": "the system killed the process",
    "OSError: [Errno 28] No space left on device": "the disk is full",
    "IndexError: index out of range in self": "an index lies outside its table",
    "RuntimeError: element 0 of tensors does not require grad and does not have a grad_fn": "nothing that is trained",
    "RuntimeError: Trying to backward through the graph a second time (or directly access saved tensors)": "one graph",
    "RuntimeError: one of the variables needed for gradient computation has been modified by an inplace operation": (
        "a tensor that the backward pass needs"
    ),
    "RuntimeError: grad can be implicitly created only for scalar outputs": "the loss is not one number",
    "RuntimeError: Expected all tensors to be on the same device, but found at least two devices, cuda:0 and cpu!": (
        "tensors lie on two devices"
    ),
    "RuntimeError: Expected to have finished reduction in the prior iteration before starting a new one.": (
        "the processes do not agree"
    ),
    "[Rank 1] Watchdog caught collective operation timeout: WorkNCCL(SeqNum=81)": "a process waited for the others",
    "RuntimeError: Error(s) in loading state_dict for M: size mismatch for lm_head.weight": "a checkpoint is of an",
    "RuntimeError: probability tensor contains either `inf`, `nan` or element < 0": "the model that generates",
    "ValueError: Asking to pad but the tokenizer does not have a padding token.": "the tokenizer has no padding token",
    "OSError: You are trying to access a gated repo.": "a model or data set could not be had",
    "RuntimeError: FlashAttention only supports Ampere GPUs or newer.": "FlashAttention was asked",
    "a traceback without its last line": "a traceback without its last line",
}
"""Texts as the libraries and the system print them, and how each is told."""


@pytest.mark.parametrize("message", REAL)
def test_a_known_text_is_told(message):
    known = explained(message)
    assert known is not None
    assert known.says.startswith(REAL[message])
    assert known.cause.endswith(".")
    assert known.remedy.endswith(".")


def test_every_known_text_has_an_error_that_it_is_for():
    """Each of the patterns is the first that fits one of the real texts."""
    patterns = [pattern for pattern, _ in (*_NUMBERED, *_TEXTS)]
    first = {next(p.pattern for p in patterns if p.search(message)) for message in REAL}
    assert first == {pattern.pattern for pattern in patterns}


@pytest.mark.parametrize(
    "message",
    ["", "ValueError: the dog ate it", "KeyError: 'loss'", "Skilled", "Bus error", "AttributeError: pad_token_id"],
)
def test_another_text_is_not_claimed(message):
    assert explained(message) is None


def test_the_dimension_tells_what_was_compared():
    said = "The size of tensor a (2) must match the size of tensor b (1) at non-singleton dimension %s"
    told = [explained(said % dimension).says for dimension in (0, 1, 2)]
    assert re.match("2 against 1 in the batch", told[0])
    assert "two sequence lengths" in told[1]
    assert told[2] == "2 against 1 in dimension 2"
