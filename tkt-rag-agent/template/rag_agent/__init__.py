"""Answers questions on the documents it was given, and says where each answer stands."""
