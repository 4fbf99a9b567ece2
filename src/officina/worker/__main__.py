"""`python -m officina.worker`."""

import sys

from officina.worker.serve import main

sys.exit(main())
