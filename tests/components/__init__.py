"""Real programs that tests talk to: models, gateways, collectors. One module for each."""
