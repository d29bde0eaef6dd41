"""`python -m bayescaler` is the command line."""

from bayescaler.cli import main

main()
