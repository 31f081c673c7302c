"""Gallery, pair and drop zones, for the browser tests."""

import hashlib

import streamlit as st

from dataeval_ui.services.uploads import source_of_upload
from dataeval_ui.settings import load_settings
from dataeval_ui.ui.components.drop import dataset_dropzone, image_dropzone
from dataeval_ui.ui.components.gallery import GalleryItem, gallery
from dataeval_ui.ui.components.pair import PairImage, pair
from dataeval_ui.ui.components.urls import RunUrls

urls = RunUrls("n100")
state = st.session_state
items = [
    GalleryItem(row=row, caption=f"a long name of an image, number {row}.jpg", sub=f"label {row % 3}", badge=f"0.{row}")
    for row in range(12)
]
clicked = gallery(items, key="gallery", thumbnails_url=urls.thumbnails, selected_row=state.get("row"), label="Similar")
if clicked is not None:
    state.row = clicked
    st.rerun()
st.text(f"row={state.get('row')}")
gallery([], key="empty", thumbnails_url=urls.thumbnails, empty="Nothing here. Lasso some points.")

pair(
    PairImage(url=urls.thumbnail(1), caption="<i>left</i>.jpg", sub="train"),
    PairImage(url=urls.thumbnail(4), caption="right.jpg", sub="test"),
    key="pair",
    height_px=200,
)

upload = dataset_dropzone(key="drop dataset", max_bytes=1_000_000)
if upload is not None:
    source = source_of_upload(load_settings(), upload.upload_id)
    files = sorted(path for path in source.rglob("*") if path.is_file()) if source.is_dir() else [source]
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:12]
    state.upload = f"{upload.name}|{upload.n_files}|{[path.name for path in files]}|{digest}"
st.text(f"upload={state.get('upload')}")

image = image_dropzone(key="drop image")
if image is not None:
    state.image = f"{image.name}|{len(image.content)}|{hashlib.sha256(image.content).hexdigest()[:12]}"
st.text(f"image={state.get('image')}")
