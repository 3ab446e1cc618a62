"""The theory of GANs, to be seen: figures drawn from real computation, with a paragraph each."""
