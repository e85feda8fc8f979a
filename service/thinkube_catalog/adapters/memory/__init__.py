"""Every port in memory: for tests, demonstrations and dry runs. Same promises, no outside."""
