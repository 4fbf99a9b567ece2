"""`python -m officina.fleet`."""

import os
import sys

from officina.fleet.drive import main

code = main()
sys.stdout.flush()
sys.stderr.flush()
os._exit(code)  # Ray's own way out waits for a head that is away
