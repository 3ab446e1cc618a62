"""Data: what a sample is (`spec`), and where samples come from."""
