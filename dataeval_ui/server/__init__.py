"""The web server: routes for images, map data and uploads, and who may see what."""
