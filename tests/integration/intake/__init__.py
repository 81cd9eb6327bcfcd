"""The intake as a process that is killed, lied to and cut off."""
