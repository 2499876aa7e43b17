"""A study: many runs over a grid of settings, sources and seeds, one table of their figures, one page."""
