"""How the schema came to be, one module per step. Run at start, under a lock."""
