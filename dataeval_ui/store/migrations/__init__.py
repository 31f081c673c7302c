"""Steps from each version of the catalog to the next, for Alembic; `schema.py` beside it takes them."""
