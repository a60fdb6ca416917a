"""Launcher for a checkout: `python sad.py train` is `sad train`."""

from sad.cli import main

if __name__ == "__main__":
    main()
