"""The bytecode backend: IR to bytecode, and the reference machine that runs it (`spec/bytecode.md`)."""
