"""The built-in network: a plain convolutional autoencoder, its training and its checkpoints."""
