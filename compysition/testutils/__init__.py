"""Helpers for testing actors."""
