"""The sources: what calls a function, and with which event."""
