"""Debug information of a Go binary: index of names, details of variables, types and locations."""
