"""The JSON API: routes, wire schemas and the one shape of its errors."""

PREFIX = "/api/v1"
"""Where the API stands; another one that breaks callers would stand beside it."""
