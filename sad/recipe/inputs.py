"""The recipe's inputs: the teacher, the student and the text, each a typed, frozen section."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from sad.recipe.section import Section, shown

EMBEDDED = "embedded"
SPLIT = "split:"
"""Begins a held-out source that is another split of the training data set."""
DOCUMENTS = 10**12
"""More documents than any text has."""
TEMPLATES = ("student", "teacher", "none")
"""Values of ``data.template`` that are no file."""


class Teacher(Section):
    """The model to learn from; it never changes."""

    model: str = EMBEDDED
    """Hub id, folder, GGUF file, `asset:NAME`, or `embedded`."""
    tokenizer: str | None = None
    """Where its tokenizer is, if not beside the model."""
    dtype: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    """Type of its weights in memory; `auto`: that of `train.precision`."""
    quantization: Literal["none", "int8", "int4"] = "none"
    """Load its matrices in 8 or 4 bits; needs bitsandbytes. The head stays as it is."""
    trust_remote_code: bool = False
    """Run the Python code that lies beside the teacher's weights. Read it first."""


class Student(Section):
    """The model that learns."""

    model: str = EMBEDDED
    """Hub id, folder, `asset:NAME`, `embedded`, or `random:LAYERSxWIDTH` for a fresh Llama."""
    tokenizer: str | None = None
    """Where its tokenizer is, if not beside the model; a `random:` student needs one."""
    trust_remote_code: bool = False
    """Run the Python code that lies beside the student's weights. Read it first."""


class Data(Section):
    """The text. What is read from where is in docs/data.md."""

    text: str = EMBEDDED
    """File or folder of text, JSON, CSV, Parquet or Arrow, also packed (.gz), a hub dataset id, or `embedded`."""
    split: str | None = None
    """The split of a data set; `train` if not set."""
    config: str | None = None
    """The configuration of a hub data set that has several."""
    column: str | None = None
    """The column that holds plain text; if nothing is set `text`, else a chat column found by its name."""
    messages: str | None = None
    """The column that holds a chat: a list of {role, content}."""
    prompt: str | None = None
    """The column that holds a question; goes with `completion`."""
    completion: str | None = None
    """The column that holds its answer; goes with `prompt`."""
    template: str = "student"
    """Who writes a chat as text: the chat template of `student` or `teacher`, a .jinja file, or `none`."""
    learn: Literal["completion", "all"] | None = None
    """What of a chat gives labels: the answers only, or all of it. If not set the answers."""
    held_out: float | int | str = Field(default=0.05)
    """Share of the documents kept for evaluation, a whole number of the first ones, a file, or `split:NAME`."""
    limit: int | None = Field(default=None, ge=1, le=DOCUMENTS)
    """Documents to train on at the most, the first ones."""
    streaming: bool = False
    """Read the text as it comes, never all of it into memory."""
    shuffle_buffer: int = Field(default=1000, ge=1, le=100_000_000)
    """Documents among which a stream is shuffled; 1 keeps its order."""
    max_length: int = Field(default=128, ge=8, le=10_000_000)
    """Most tokens of a window, for both models; windows are cut at common boundaries."""
    eval_windows: int = Field(default=64, ge=1, le=10_000_000)
    """Most windows of held-out text in an evaluation."""
    workers: int | None = Field(default=None, ge=0, le=1024)
    """Processes that prepare the text; 0 does it in the program itself. If not set one a core, none for little text."""
    cache: Path | None = Field(default=None, strict=False)
    """Where the prepared text is kept; if not set `prepared` in `$SAD_CACHE`, else in the user's cache folder."""

    @model_validator(mode="after")
    def _share(self) -> Data:
        if isinstance(self.held_out, float) and not 0 < self.held_out < 1:
            raise ValueError(f"held_out must lie between 0 and 1, or name a file; it is {self.held_out}")
        if isinstance(self.held_out, int) and not 1 <= self.held_out <= DOCUMENTS:
            raise ValueError(
                f"held_out must be a share, a number of documents, or a file; it is {shown(self.held_out)}"
            )
        if self.streaming and isinstance(self.held_out, float):
            raise ValueError("a stream has no share: set data.held_out to a number of documents, a file or split:NAME")
        return self

    @model_validator(mode="after")
    def _columns(self) -> Data:
        if (self.prompt is None) != (self.completion is None):
            raise ValueError("prompt and completion go together: set both data.prompt and data.completion")
        named = [n for n in ("column", "messages", "prompt") if getattr(self, n) is not None]
        if len(named) > 1:
            raise ValueError(f"{' and '.join(f'data.{n}' for n in named)} are set: name one of them")
        if self.column is not None and self.learn == "completion":
            raise ValueError("plain text has no answers: leave out data.learn, or name data.messages or data.prompt")
        return self
