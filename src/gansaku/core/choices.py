"""Which of a run's options say what; without torch, for the command line reads it to give help."""

FED = ("size", "channels", "alpha", "flip", "crop", "holdout", "direction")  # what is fed
SILENT = ("feeds",)  # what a recipe says, and no flag
CADENCE = (  # and what else may change on resume, for no number depends on it
    "workers",
    "log_every",
    "sheet_every",
    "save_every",
    "save_minutes",
    "measure_every",
    "patience",
    "keep",
    "hang_minutes",
)
