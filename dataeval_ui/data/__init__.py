"""Sources of images, the listing of their places, and the safe decoding of one file."""
