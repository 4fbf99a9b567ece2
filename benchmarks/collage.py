"""`python benchmarks/collage.py`: what the collage engine takes, against its floor in the same run."""

import sys
from pathlib import Path

if __name__ == "__main__":
    # Python put this folder first, where `http.py` would pass for the standard library's `http`.
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

    from benchmarks.collage_rows import main

    main()
