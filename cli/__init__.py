"""The `sey` commands, thin."""
