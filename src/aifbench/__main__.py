"""`python -m aifbench`: the same as the `aifbench` program."""

import sys

from aifbench.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
