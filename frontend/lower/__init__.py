"""Lowering: a bound spec and what the binary says of the Go runtime become one IR program and its decode plan."""
