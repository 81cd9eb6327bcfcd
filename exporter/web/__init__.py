"""What answers over HTTP: the server in its own thread, its routes and its page."""
