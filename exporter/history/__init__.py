"""What the metadata database remembers of the past, read in pages by commands that end."""
