"""What breaks around the daemon, and what it must go on doing meanwhile."""
