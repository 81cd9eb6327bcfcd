"""The containers collector: CPU and memory of containers, and whose they are."""
