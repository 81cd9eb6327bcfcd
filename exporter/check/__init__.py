"""The `check` command: every prerequisite tried once, one finding a line, with its fix."""
