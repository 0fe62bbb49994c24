"""Recordings: written while the simulator runs, and played again, like any file that holds an AWS event."""
