"""Our pages in a real browser: not in CI, where no browser is certain (`make pages`)."""
