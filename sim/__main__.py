"""`python -m sim` is the command `powsim`."""

from sim.cli import main

main()
