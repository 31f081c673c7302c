"""Backbones, their loaders, and the pipeline that decodes every file once and embeds it."""
