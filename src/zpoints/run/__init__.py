"""A run: a folder, its stages, and what they need."""
