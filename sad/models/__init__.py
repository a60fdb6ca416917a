"""Models and tokenizers from the package, a folder, a GGUF file or the hub."""
