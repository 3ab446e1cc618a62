"""Measures of how good samples are: one file a family, each number with its protocol."""
