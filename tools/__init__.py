"""What the Makefile runs: setting up, and the demo."""
