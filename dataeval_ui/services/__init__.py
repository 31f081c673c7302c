"""Get or compute: what the pages, the command line and scripts call."""
