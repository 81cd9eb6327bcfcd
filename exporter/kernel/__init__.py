"""What the Linux kernel tells in files: cgroups, mounts, processes; it knows no metric."""
