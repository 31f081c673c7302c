"""A run as a process of its own: start, progress, cancel, resume."""
