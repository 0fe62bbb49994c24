"""Figures beside their targets and their bare limits, all measured in one run: `make bench`."""
