"""`python -m metrifly_pipeline.cli`: the same as the command `metrifly`, for processes that start it by interpreter."""

from metrifly_pipeline.cli.main import main

main()
