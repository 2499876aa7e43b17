"""The convolutional autoencoder: network, training, checkpoints, encoding and decoding. The home of torch."""

import os

# Huge pages for PyTorch's large tensors spare most of the page faults of a training step (with
# `budget.kept_memory`: a fifth more images per second in benchmarks/training.py). PyTorch reads it once, at its
# first allocation.
os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
