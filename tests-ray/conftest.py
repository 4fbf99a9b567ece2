"""A Ray cluster of several nodes on this machine. Collected by `make test-ray`, in an environment that has Ray."""

from __future__ import annotations

import os
import sys
from pathlib import Path

os.environ |= {  # before Ray is loaded, and for all that it starts
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_health_check_period_ms": "1000",  # a dead node is known as such in 5 s instead of 15
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # so that the nodes stay on the loopback address
    "PYTHONPATH": str(Path(__file__).parents[1] / "tests" / "road"),
}
sys.path.insert(0, str(Path(__file__).parent))
