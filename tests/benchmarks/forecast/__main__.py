"""Run the accuracy benchmark: python tests/benchmarks/forecast --help."""

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[1])
    from forecast.command import main

    main()
