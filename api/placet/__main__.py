"""`python -m placet`: the command line."""

from placet_api.cli.main import main

main()
