"""Measurements against the peers: same work, one run, ratios. ``make benchmark`` runs all of them."""
