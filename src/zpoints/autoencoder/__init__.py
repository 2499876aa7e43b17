"""The convolutional autoencoder: network, training, checkpoints, encoding and decoding. The home of torch."""
