"""Nouns and their rules: what a template, a form, a repository and a deployment are."""
