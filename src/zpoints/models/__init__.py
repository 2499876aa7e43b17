"""Models that turn pictures into vectors and back: the built-in network, and whatever else can."""
