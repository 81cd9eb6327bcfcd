"""The `top` command: a live table of the tries that run on a host."""
