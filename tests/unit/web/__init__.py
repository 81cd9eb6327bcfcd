"""Tests of the web part, over real sockets on loopback."""
