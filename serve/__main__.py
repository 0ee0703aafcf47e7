"""`python -m serve` is `dao-agent`."""

from serve.cli import main

main()
