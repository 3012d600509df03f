"""The walk over a Go process, written once, in IR text."""
