"""`python -m officina.child`: started by a worker, never by hand."""

from officina.child.main import main

main()
