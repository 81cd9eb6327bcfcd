"""Collectors on their schedules: threads, deadlines, and the one failure boundary."""
