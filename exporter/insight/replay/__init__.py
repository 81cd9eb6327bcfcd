"""What past load would have cost and waited under several ways to scale: pure functions."""
