"""Damaged input by hand: `files` breaks real files and runs every command over them, `coverage` searches readers."""
