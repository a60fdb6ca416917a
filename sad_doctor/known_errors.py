"""Errors that end a training, known by their texts: what each says in a few words, its cause and its remedy.

The words are those of PyTorch, transformers, accelerate and the system; a text of an error is English whatever the
language of the machine. What a text does not tell is not claimed: a cause that is only the most common one says so.
"""

from __future__ import annotations

import re

from sad_doctor.sealed import sealed


@sealed
class Known:
    """What an error says, why it comes, and what to do; ``says`` goes on "The run crashed: "."""

    says: str
    cause: str
    remedy: str


def explained(message: str) -> Known | None:
    """Return what is known of an error's text, the first that fits; None where it is not among the known ones."""
    for text, known in _NUMBERED:
        if found := text.search(message):
            return known(*found.groups())
    return next((known for text, known in _TEXTS if text.search(message)), None)


def _sizes(a: str, b: str, dimension: str) -> Known:
    if dimension == "0":
        return Known(
            f"{a} against {b} in the batch dimension",
            "The two models were given different numbers of sequences: a last, smaller batch, or a cached one.",
            "Build both models' inputs from one batch, and drop nothing on one side only.",
        )
    if dimension == "1":
        return Known(
            f"two sequence lengths, {a} and {b} tokens, in dimension 1",
            f"The same text is {a} tokens for one tokenizer and {b} for the other, and a loss compares position by "
            "position.",
            "Compare at common boundaries of the two tokenizations. Cutting both to the shorter one ends the crash and "
            "compares different text.",
        )
    return Known(
        f"{a} against {b} in dimension {dimension}",
        "This dimension is the vocabulary or the hidden width: two vocabularies, or two widths without a projector.",
        "Map the teacher's vocabulary to the student's by the bytes of the tokens; project hidden states.",
    )


def _widths(state: str, matrix: str) -> Known:
    return Known(
        f"a state of width {state} meets a matrix for width {matrix}",
        f"A hidden state of {state} numbers goes through a layer that was made for {matrix}: teacher and student "
        "differ in width, and one is projected with the other's projector or with none.",
        "Project the student's states to the teacher's width before comparing them; check which model the states come "
        "from.",
    )


def _rows(logits: str, labels: str) -> Known:
    return Known(
        f"{logits} rows of logits and {labels} labels",
        "One side was shifted, cut or flattened and the other was not.",
        "Shift both (logits[:, :-1] and labels[:, 1:]) before flattening, and mask with -100 instead of cutting.",
    )


_NUMBERED = (
    (re.compile(r"size of tensor a \((\d+)\) must match the size of tensor b \((\d+)\).*?dimension (\d+)"), _sizes),
    (re.compile(r"shapes cannot be multiplied \(\d+x(\d+) and (\d+)x\d+\)"), _widths),
    (re.compile(r"Expected input batch_size \((\d+)\) to match target batch_size \((\d+)\)"), _rows),
)


def _text(words: str, flags: int = re.IGNORECASE) -> re.Pattern[str]:
    return re.compile(words, flags)


_TEXTS = (
    (
        _text(r"(same dtype|expected (?:scalar )?type|expected m\w+ and m\w+)[\s\S]*?(Half|Float|BFloat16)"),
        Known(
            "half and single precision meet in one product",
            "A cast to half precision reached more than was meant: a projector's `.to(fp16)` also casts an embedding "
            "that it shares with the student; or the evaluation runs without the autocast that training has.",
            "Keep the weights in float32 and let autocast choose; run the evaluation in the same context.",
        ),
    ),
    (
        _text(r"Attempting to unscale FP16 gradients"),
        Known(
            "the loss is scaled for float16, and the weights are float16 themselves",
            "The student was loaded in float16; scaling is for float32 weights under autocast.",
            "Load the student in float32 (torch_dtype), or train in bfloat16 without a scaler.",
        ),
    ),
    (
        _text(r"No inf checks were recorded"),
        Known(
            "the optimizer has not one gradient to scale",
            "No parameter that the optimizer holds got a gradient: all are frozen, or it holds another model's.",
            "Build the optimizer after the model is wrapped, adapted and unfrozen; print which parameters are trained.",
        ),
    ),
    (
        _text(r"CUBLAS_STATUS_(?:NOT_INITIALIZED|ALLOC_FAILED)"),
        Known(
            "the GPU had no memory left for its matrix products",
            "Most often memory that is full; now and then an index outside of its table earlier in the step.",
            "Lower batch_size; if it stays, repeat the batch on the CPU, which names the index.",
        ),
    ),
    (
        _text(r"out of memory|OutOfMemory|can't allocate memory|MemoryError"),
        Known(
            "out of memory",
            "Most often the logits of student and teacher, [batch, length, vocabulary] each, held at once.",
            "Lower batch_size and raise accumulation by the same factor, or lower max_length.",
        ),
    ),
    (
        _text(r"DUE TO TIME.?LIMIT"),
        Known(
            "the scheduler's time limit was reached",
            "The job asked for less time than the run takes.",
            "Go on from the last checkpoint, and ask for more time or end the run before the limit.",
        ),
    ),
    (
        _text(r"DataLoader worker.*(?:killed|exited unexpectedly)|insufficient shared memory"),
        Known(
            "a process that loads data died",
            "Most often too little shared memory (/dev/shm, 64 MB in a container), or too little memory for all.",
            "Start the container with more shared memory (--shm-size, --ipc=host), or use fewer data workers.",
        ),
    ),
    (
        _text(r"^Killed\b|CANCELLED|oom.kill|SIGKILL"),
        Known(
            "the system killed the process",
            "Most often the machine's memory (not the GPU's) ran out, or the scheduler's limit on it was reached.",
            "Look at the machine's memory and at the job's limits; fewer data workers, fewer copies of the models.",
        ),
    ),
    (
        _text(r"No space left on device|Disk quota exceeded|PytorchStreamWriter failed writing"),
        Known(
            "the disk is full",
            "Checkpoints and caches have filled it; the file that was being written is not whole.",
            "Make room, keep fewer checkpoints, and go on from the last one that is whole.",
        ),
    ),
    (
        _text(r"device-side assert|index out of range in self|Target \d+ is out of bounds"),
        Known(
            "an index lies outside its table",
            "A token id or label that the model's vocabulary does not have: the other model's tokenizer, or padding.",
            "Repeat the batch on the CPU, and compare the largest token id with the size of the embedding.",
        ),
    ),
    (
        _text(r"does not require grad and does not have a grad_fn"),
        Known(
            "nothing that is trained has a part in the loss",
            "Every parameter is frozen, the loss was computed under no_grad or from detached values, or gradient "
            "checkpointing cut the graph below adapters (PEFT).",
            "Print which parameters require grad, call model.train(), compute the student outside of no_grad; with "
            "adapters and checkpointing call model.enable_input_require_grads().",
        ),
    ),
    (
        _text(r"backward through the graph a second time"),
        Known(
            "one graph was gone through backwards twice",
            "A tensor of an earlier step is part of this loss: a kept sum of losses, a running state, a cached output.",
            "Detach what is kept from step to step; add losses up with .item() or .detach().",
        ),
    ),
    (
        _text(r"modified by an inplace operation"),
        Known(
            "a tensor that the backward pass needs was changed in place",
            "A masking or scaling with `_`, `+=` or an index was done on the logits or states themselves.",
            "Use masked_fill and products that make a new tensor; torch.autograd.set_detect_anomaly names the place.",
        ),
    ),
    (
        _text(r"grad can be implicitly created only for scalar"),
        Known(
            "the loss is not one number",
            "Losses of single positions or of several devices reached backward().",
            "Reduce the loss first: the sum over its positions divided by their number.",
        ),
    ),
    (
        _text(r"Expected all tensors to be on the same device"),
        Known(
            "tensors lie on two devices",
            "The batch, the teacher or a projector was not moved with the rest; or device_map cut a model in parts.",
            "Move the batch to each model's own device, and the teacher's outputs to the student's.",
        ),
    ),
    (
        _text(r"Expected to have finished reduction in the prior iteration|mark a variable ready only once"),
        Known(
            "the processes do not agree which parameters have a gradient",
            "A parameter has no part in the loss of some step (a term that is off, an unused projector), or has two.",
            "Freeze what is not trained before wrapping, keep each term in the graph with weight 0, or set "
            "find_unused_parameters.",
        ),
    ),
    (
        _text(r"collective operation timeout|NCCL (?:timeout|error)|DistBackendError|Watchdog caught"),
        Known(
            "a process waited for the others in vain (a collective operation timed out or failed)",
            "One process is behind or dead: it took another branch, had no batch left, ran out of memory, or hangs.",
            "Look at the log of each other process at that time: the one that did not come is the one to mend.",
        ),
    ),
    (
        _text(r"size mismatch for|Missing key\(s\) in state_dict|Unexpected key\(s\) in state_dict"),
        Known(
            "a checkpoint is of another model",
            "Names or shapes differ: another size, a resized embedding, a wrapper's prefix (module., base_model.).",
            "Build the model as it was when it was saved; do not load with strict=False, which leaves weights random.",
        ),
    ),
    (
        _text(r"probability tensor contains either .?inf.?, .?nan.?"),
        Known(
            "the model that generates gives NaN or infinite probabilities",
            "The weights are not finite any more, or float16 overflows in the logits.",
            "Find the step at which the loss or the gradient norm went first; generate in bfloat16 or float32.",
        ),
    ),
    (
        _text(r"does not have a padding token|if no padding token is defined"),
        Known(
            "the tokenizer has no padding token",
            "Batches are padded, and the tokenizer does not say with what.",
            "Set one (a spare token, not the end of text), or mask by attention_mask and not by the id.",
        ),
    ),
    (
        _text(r"gated repo|\b40[13] Client Error|LocalEntryNotFound|couldn't connect to|Max retries exceeded"),
        Known(
            "a model or data set could not be had from its hub",
            "No network, no right to a gated repository, or a name that is none.",
            "Accept its terms and log in, or download it once and name the folder.",
        ),
    ),
    (
        _text(r"FlashAttention only support"),
        Known(
            "FlashAttention was asked for what it cannot do",
            "It takes float16 and bfloat16 alone, on Ampere GPUs or newer.",
            'Load the model in bfloat16, or with attn_implementation="sdpa".',
        ),
    ),
    (
        _text(r"^a traceback without its last line$"),
        Known(
            "a traceback without its last line",
            "The log was cut there, or the process died while it printed.",
            "Look for the error in the job's other stream (standard error), or in the scheduler's log.",
        ),
    ),
)
"""How errors are known without numbers, the first that fits."""
