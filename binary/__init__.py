"""What a Go binary says of itself without DWARF: ELF headers, notes, build info, identity, pclntab."""
