"""Two-sample tests between a reference and a test set, a module a family."""
