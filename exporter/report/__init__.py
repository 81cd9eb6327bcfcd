"""The `report` command: what is slow, what got slower, what wastes, and what to do about it."""
