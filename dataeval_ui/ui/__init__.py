"""The pages. The only room, beside the server, that imports streamlit."""
