"""Whose a pod or a container is: labels, annotations, and where they are read from."""
