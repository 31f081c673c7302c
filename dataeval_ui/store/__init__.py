"""Digests, Parquet parts (the truth), the memory-mapped view, and the catalog."""
