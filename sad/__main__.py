"""`python -m sad`."""

from sad.cli import main

main()
