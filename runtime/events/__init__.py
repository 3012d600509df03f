"""Events: what probes of running programs stream, from the kernel to captures."""
