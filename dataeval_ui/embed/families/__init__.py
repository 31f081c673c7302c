"""The rows of the registry, a module a family. Data alone."""
