"""The typed, structured IR that is the only thing a backend sees, and the layouts it fixes."""
