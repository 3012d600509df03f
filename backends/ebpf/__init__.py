"""IR to LLVM IR to a BPF object file."""
