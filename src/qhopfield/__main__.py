"""``python -m qhopfield`` is the command ``qhopfield``."""

import sys

from .cli import main

if __name__ == "__main__":
    sys.exit(main())
