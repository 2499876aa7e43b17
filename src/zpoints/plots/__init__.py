"""Figures: each a function that returns a Matplotlib figure."""
