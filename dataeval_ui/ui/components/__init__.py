"""The map and the gallery, as Streamlit components."""
