"""What deploy/ ships, by the tools that it is for."""
