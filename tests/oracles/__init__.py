"""Literal reference implementations, written from the definitions."""
