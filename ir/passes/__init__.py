"""Transformations of IR programs, one a file."""
