"""DataEval UI: what is wrong with this image dataset, and can I show it to someone?"""

__version__ = "0.1.0"
