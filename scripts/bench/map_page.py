"""The pages of `map.py`: the same points in our map (`?side=ours`) and in Streamlit's own chart (`?side=plotly`)."""

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from dataeval_ui.figures.palette import categorical_colors
from dataeval_ui.ui.components.scatter import ColourSpec, Highlight, MapLook, pending_events, scatter_map
from dataeval_ui.ui.components.urls import RunUrls
from tests.browser.generated import GeneratedRun, generated_run

HEIGHT_PX = 640
st.set_page_config(layout="wide")
name = st.query_params["run"]
run = generated_run(name)


@st.cache_resource(max_entries=2)
def figure(name: str) -> go.Figure:
    run: GeneratedRun = generated_run(name)
    column = run.column("blob")
    colors = categorical_colors(len(column.categories))
    scale = [(code / (len(colors) - 1), color) for code, color in enumerate(colors)]
    xy = run.projection.xy
    marker = {"size": 3, "opacity": 0.8, "color": column.codes.astype(np.uint8), "colorscale": scale}
    trace = go.Scattergl(x=xy[:, 0].copy(), y=xy[:, 1].copy(), mode="markers", marker=marker, hoverinfo="none")
    return go.Figure(trace, go.Layout(height=HEIGHT_PX, dragmode="pan", margin={"l": 0, "r": 0, "t": 0, "b": 0}))


def nearest(name: str, row: int) -> list[int]:
    xy = generated_run(name).projection.xy
    distance = np.linalg.norm(xy - xy[row], axis=1)
    near = np.argpartition(distance, 13)[:13]
    return [int(other) for other in near[np.argsort(distance[near])][1:]]


@st.fragment
def explore() -> None:
    if st.query_params["side"] == "ours":
        urls, column = RunUrls(name), run.column("blob")
        colour = ColourSpec(title="Blob", url=urls.column("blob"), kind="categorical", categories=column.categories)
        click = pending_events("map", n_points=run.n_images, n_categories=len(column.categories)).click
        if click is not None:
            st.session_state.clicked = click
        clicked = st.session_state.get("clicked")
        highlight = None if clicked is None else Highlight(query_row=clicked, neighbour_rows=nearest(name, clicked))
        scatter_map(
            key="map",
            points_url=urls.points,
            version=name,
            n_points=run.n_images,
            colour=colour,
            thumbnails_url=urls.thumbnails,
            highlight=highlight,
            look=MapLook(height_px=HEIGHT_PX),
        )
    else:
        event = st.plotly_chart(figure(name), key="plot", on_select="rerun", selection_mode="points")
        points = event["selection"]["point_indices"]
        clicked = points[0] if points else None
    st.text(f"clicked={clicked}")


explore()
