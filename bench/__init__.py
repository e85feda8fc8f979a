"""Figures, each beside what a person would use instead, as ratios from one run."""
