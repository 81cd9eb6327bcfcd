"""What runs here, in a browser: `/tasks`, and `/tasks.json` for `top`."""
