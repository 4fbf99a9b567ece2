"""`python -m officina` is the same as `officina`."""

import sys

from officina.cli.main import main

sys.exit(main())
