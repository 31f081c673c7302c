"""`python -m dataeval_ui` is the command line."""
