"""How good retrieval and answers are, in figures. `python -m eval` prints them."""
