"""Exports, and (later) views, signed links and decisions."""
