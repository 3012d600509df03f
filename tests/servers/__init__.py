"""Servers that others wrote, installed from their modules: what sey says of each, against what it says of itself."""
