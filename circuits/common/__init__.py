"""What every layer leans on: random numbers, argument checks, whole-file writes, progress."""
