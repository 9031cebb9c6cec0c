"""Scenarios that need processes of their own: leaks, and what happens at shutdown."""
