"""Thinkube Catalog: pick a Copier template, see what it makes, deploy it, live with it.

Nouns in `domain`, verbs in `operations`, outside systems in `adapters`; people come in through
`api`, `web` and `cli`.
"""
