"""The front door: who may come in, and over what, as the web configuration file says."""
