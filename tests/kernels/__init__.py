"""Debian's packaged kernels, booted in QEMU: every object loads on them, and captures on them are right."""
