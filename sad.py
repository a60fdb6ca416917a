"""Launcher for a checkout: `python sad.py train` is `sad train`."""

import sys

try:
    from sad.cli.app import main
except KeyboardInterrupt:
    sys.exit(130)

if __name__ == "__main__":
    main()
