"""The game: contract, loop, checkpoints, config text, catalogue."""
