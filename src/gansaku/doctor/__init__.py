"""The doctor: what ails a run, from its history and its samples, with cause and remedy."""
