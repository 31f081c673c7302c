"""A module a version, in order: `revision` names it, `down_revision` the one before."""
