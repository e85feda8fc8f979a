"""One module per outside thing, each keeping the promises of a port in `domain`."""
