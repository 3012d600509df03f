"""One module for each group of commands; each imports what it needs."""
