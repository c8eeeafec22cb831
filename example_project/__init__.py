"""The example: a small shop whose every change is on record, and what starts it."""
