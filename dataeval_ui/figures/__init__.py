"""Results as plotly figures, and figure events as rows."""
