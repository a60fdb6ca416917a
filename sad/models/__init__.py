"""Models and tokenizers from the package, a folder, a GGUF file or the hub; how one is run, and what is read of it."""
