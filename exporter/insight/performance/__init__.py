"""What past tries and runs tell of performance: pure functions, for commands that end."""
