"""Models that other tools trained: ONNX, PyTorch, Keras, pythae, diffusers; each a codec by a ``codec.toml``."""
