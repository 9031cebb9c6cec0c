"""Fixtures and settings for all tests."""

import os

from hypothesis import settings

# A slow machine must not fail a property; CI must draw the same examples each time.
settings.register_profile("default", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "default")
