"""Settings → Platform: the only package that knows every adapter."""
