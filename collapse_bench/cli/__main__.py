"""``python -m collapse_bench.cli``: the command where it isn't installed."""

import sys

from collapse_bench.cli import main

if __name__ == "__main__":
    sys.exit(main())
