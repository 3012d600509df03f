"""Known types: which fields are followed, and how their values read."""
