"""Parameters, gene sets and errors: what every other part of the package speaks in."""
