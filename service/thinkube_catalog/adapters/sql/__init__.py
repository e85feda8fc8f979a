"""Records in SQLite or PostgreSQL. Tables stay in here; nouns of the domain go in and out."""
