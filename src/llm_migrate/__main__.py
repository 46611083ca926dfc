"""`python -m llm_migrate`."""

from llm_migrate.cli.main import main

main()
