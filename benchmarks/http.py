"""`python benchmarks/http.py`: the HTTP front, the queue and the way to an engine, measured in one run."""

import sys
from pathlib import Path

if __name__ == "__main__":
    # Python put this folder first, where this very file would pass for the standard library's `http`.
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

    from benchmarks.command import main

    main()
