"""Beyond Streamlit's own elements: the map, the gallery, the pair of images, the drop zones."""
