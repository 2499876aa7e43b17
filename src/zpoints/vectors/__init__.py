"""Latent vectors: where they lie, how they are read, and along which axes they are looked at."""
