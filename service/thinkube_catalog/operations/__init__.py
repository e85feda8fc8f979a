"""Verbs: what people and the service do with the nouns, on a `Platform` of ports."""
