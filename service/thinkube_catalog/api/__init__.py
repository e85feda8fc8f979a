"""The JSON API: routes, wire schemas and the one shape of its errors."""
