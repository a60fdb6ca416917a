"""`python -m sad`."""

from sad.cli.app import main

main()
