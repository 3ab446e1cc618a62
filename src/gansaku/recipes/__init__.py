"""The catalogue: one file a GAN, found by its name."""
