"""The command `autoscale replay`: past load under several ways to scale."""
