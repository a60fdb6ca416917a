"""What the parameters of collators are called, by what they are."""

from __future__ import annotations

import re

FEATURES = {
    *("features", "examples", "batch", "instances", "items", "samples", "data", "rows", "sequences", "texts"),
    *("inputs", "batch_list", "feature_list"),
}
LENGTHS = (
    *("max_length", "max_seq_length", "max_seq_len", "max_len", "block_size", "model_max_length", "seq_len"),
    *("max_sequence_length", "allowed_max_length", "cutoff_len", "max_tokens"),
    *("chunk_size", "chunk_length", "context_length", "sequence_length", "seq_length", "seqlen"),
)
OTHER_LENGTHS = (
    "source_max_len",
    "target_max_len",
    "max_input_length",
    "max_target_length",
    "max_response_length",
    "max_input_len",
    "max_output_len",
)
INSTRUCTIONS = "instruction_template"
TEMPLATES = ("response_template", "response_template_ids", "response_token_ids")
CHATS = ("chat_template", "conversation_template")
"""The template of a conversation, as tokenizers have one."""
PROMPTS = ("max_prompt_length", "max_prompt_len", "max_source_length")
CAUSAL = re.compile("decoder_only|causal")
COLUMNS = (
    *("text", "prompt", "response", "completion", "question", "answer", "instruction", "output", "history", "summary"),
    *("input", "target", "source", "query"),
)
"""What columns are called, where another name says which is which: `text_column`."""
CONFIGS = ("args", "data_args", "config", "cfg", "script_args", "training_args")
TOKENIZER = ("tokenizer", "tok", "processing_class", "processor")
