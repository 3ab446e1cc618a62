"""`python -m gansaku` is the `gansaku` command."""

import sys

from gansaku.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
