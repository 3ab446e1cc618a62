"""Which of a run's options say what; without torch, for the command line reads it to give help."""

FED = ("size", "channels", "alpha", "flip", "crop", "holdout")  # what is fed
CADENCE = (
    "log_every",
    "sheet_every",
    "save_every",
    "save_minutes",
    "measure_every",
    "patience",
    "keep",
)
