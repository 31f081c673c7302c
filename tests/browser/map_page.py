"""The page that the browser tests of the map drive. Its state is in the URL: n, colour, highlight, images."""

import numpy as np
import streamlit as st

from dataeval_ui.ui.components.gallery import GalleryItem, gallery
from dataeval_ui.ui.components.scatter import ColourSpec, Highlight, MapLook, pending_events, scatter_map
from dataeval_ui.ui.components.urls import RunUrls
from tests.browser.generated import generated_run

name = st.query_params.get("run", "n10000")
run = generated_run(name)
urls = RunUrls(name)


def spec(column_name: str) -> ColourSpec:
    column = run.column(column_name)
    if column.codes is None:
        return ColourSpec(title=column.title, url=urls.column(column_name), kind="continuous", low=0.0, high=1.0)
    counts = np.bincount(column.codes, minlength=len(column.categories))
    return ColourSpec(
        title=column.title,
        url=urls.column(column_name),
        kind="categorical",
        categories=column.categories,
        counts=counts.tolist(),
        grey=(3,),
    )


@st.fragment
def explore() -> None:
    state = st.session_state
    colour = st.segmented_control("Colour", ["blob", "score"], default="blob", key="colour") or "blob"
    if st.button("Clear from the page"):
        state.selected = None
    events = pending_events("map", n_points=run.n_images, n_categories=len(run.column("blob").categories))
    if events.hidden is not None:
        state.hidden_log = sorted(events.hidden)
    if events.click is not None:
        state.query = events.click
    if events.selection is not None:
        state.selected = events.selection
    query = state.get("query")
    highlight = None
    if query is not None:
        distance = np.linalg.norm(run.projection.xy - run.projection.xy[query], axis=1)
        highlight = Highlight(query_row=query, neighbour_rows=np.argsort(distance)[1:13].tolist())
    drawn = scatter_map(
        key="map",
        points_url=urls.points,
        version=name,
        n_points=run.n_images,
        colour=spec(colour),
        thumbnails_url=urls.thumbnails,
        neighbours_url=urls.neighbours,
        hover=[spec("blob"), spec("score")],
        selected=state.get("selected"),
        highlight=highlight,
        look=MapLook(show_images=st.query_params.get("images") == "1"),
        label="Generated points",
    )
    if drawn.webgl_missing:
        st.info("No WebGL2 here.")
        return
    rows = state.get("selected")
    st.text(f"clicked={state.get('query')}")
    st.text(f"selected={'none' if rows is None else len(rows)}")
    st.text(f"hidden={state.get('hidden_log')}")
    st.text(f"sum={0 if rows is None else int(np.sum(rows))}")
    shown = highlight.neighbour_rows if highlight else []
    items = [
        GalleryItem(row=row, caption=f"image-{row}.jpg", sub=f"blob {run.blob[row]}", badge="0.97") for row in shown
    ]
    clicked = gallery(
        items, key="gallery", thumbnails_url=urls.thumbnails, empty="Click a point to see its neighbours."
    )
    if clicked is not None:
        state.query = clicked
        st.rerun(scope="fragment")


explore()
