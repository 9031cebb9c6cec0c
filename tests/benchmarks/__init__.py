"""Measurements of speed, each beside peers measured in the same run."""
