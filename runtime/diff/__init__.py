"""What changed from one capture to another: `compare` finds it, `text` shows it."""
