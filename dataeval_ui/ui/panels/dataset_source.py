"""Where a new dataset comes from: a folder on the server, files from the browser, or a table of paths."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from dataeval_ui.data.paths import source_path
from dataeval_ui.data.table import TABLE_SUFFIXES
from dataeval_ui.errors import InputError
from dataeval_ui.services.datasets import DatasetPreview, add_dataset, name_of_source, preview_dataset
from dataeval_ui.services.uploads import source_of_upload
from dataeval_ui.types import LabelRule, SourceFormat
from dataeval_ui.ui import cached
from dataeval_ui.ui.components.drop import Upload, dataset_dropzone
from dataeval_ui.ui.errors import shown_errors
from dataeval_ui.ui.panels.dataset_preview import render_preview
from dataeval_ui.ui.text import count, plain, size, visible

if TYPE_CHECKING:
    from dataeval_ui.services.context import Services
    from dataeval_ui.store.records import DatasetKind

_PREVIEW = "dataset_preview"
_UPLOAD = "dataset_upload"

_LABEL_RULES = {
    "folder": "First folder below the split: train/cat/1.png is a cat",
    "folder:leaf": "The folder that holds the image",
    "folder:N": "A folder level by its number",
    "none": "No labels",
}
_SPLIT_RULES = {"folder": "Leading folder named train, test, val, …", "none": "No splits"}
_OF_TABLE = {
    _LABEL_RULES["folder"]: "Column named label, else the first folder of the path",
    _SPLIT_RULES["folder"]: "Column named split, else a leading folder named train, test, val, …",
}
"""What the first rule of each kind means for a table."""

_FORMATS: dict[SourceFormat, str] = {
    "auto": "By what lies there",
    "folder": "None: images alone",
    "coco": "COCO",
    "yolo": "YOLO",
    "voc": "Pascal VOC",
    "huggingface": "Hugging Face",
}
_COLUMN = "column:"


def render_sources() -> None:
    """Draw the three ways to add a dataset; only the open one does any work."""
    folder, upload, table = st.tabs(
        ["Folder on this server", "Upload", "CSV or Parquet"], key="source", on_change="rerun"
    )
    if folder.open:
        with folder:
            _render_path("folder")
    if upload.open:
        with upload:
            _render_upload()
    if table.open:
        with table:
            _render_path("table")


def _render_path(kind: str) -> None:
    ours = cached.services()
    is_folder = kind == "folder"
    text = st.text_input(
        "Folder or archive" if is_folder else "Table",
        key=f"path_{kind}",
        placeholder="/data/photos or /data/photos.zip" if is_folder else "/data/photos.csv",
        help="A path on the machine that runs the server."
        if is_folder
        else "One row an image, with a column of paths.",
    )
    roots = ", ".join(plain(str(root), max_chars=120) for root in ours.page_roots)
    st.caption(
        f"Pages may read below {roots}. For more, start the server with `--root FOLDER`; the command line reads any."
        + ("" if is_folder else " Paths in the table may be relative to its own folder.")
    )
    if text.strip():
        path = source_path(text.strip().strip("\"'"))
        if not path.is_absolute():
            raise InputError(f"{text.strip()!r} is no absolute path. Begin with / or ~.")
        _render_choice(ours, path, name=None, kind=None, roots=ours.page_roots)


def _render_upload() -> None:
    ours = cached.services()
    done = dataset_dropzone(key="upload", max_bytes=ours.settings.max_upload_bytes)
    if done is not None:
        st.session_state[_UPLOAD] = done
    upload: Upload | None = st.session_state.get(_UPLOAD)
    if upload is None:
        st.caption(
            f"A zip or tar, several images, or a whole folder; up to {size(ours.settings.max_upload_bytes)}. "
            "The files go to the server's disk, nowhere else."
        )
        return
    st.caption(f"Received **{plain(upload.name, max_chars=80)}**, {count(upload.n_files, 'file')}.")
    source = source_of_upload(ours.settings, upload.upload_id)
    _render_choice(
        ours, source, name=name_of_source(Path(visible(upload.name, max_chars=100))), kind="upload", roots=[source]
    )


def _render_choice(
    ours: Services, source: Path, *, name: str | None, kind: DatasetKind | None, roots: Sequence[Path]
) -> None:
    """Draw label and split rules, the preview, and the button that adds the dataset."""
    columns = _known_columns(source)
    is_table = source.suffix.lower() in TABLE_SUFFIXES
    label_column, split_column, format_column = st.columns(3)
    with label_column:
        label_from = _render_rule("Labels from", _LABEL_RULES, columns, is_table=is_table, key="label_rule")
    with split_column:
        split_from = _render_rule("Splits from", _SPLIT_RULES, columns, is_table=is_table, key="split_rule")
    annotations: SourceFormat = "auto"
    if not is_table:
        with format_column:
            annotations = st.selectbox(
                "Annotations of objects",
                list(_FORMATS),
                format_func=_FORMATS.__getitem__,
                key="source_format",
                help="Boxes and masks. Labels and splits come from them while the rules beside are the first ones.",
            )
    rule = LabelRule(label_from=label_from, split_from=split_from, format=annotations)
    preview = _preview(ours, source, rule, roots)
    if not columns and preview.metadata:
        st.session_state[_columns_key(source)] = preview.metadata
        st.rerun()  # offer them as rules
    render_preview(preview)
    named, add = st.columns([3, 1], vertical_alignment="bottom")
    with named:
        chosen = st.text_input(
            "Name", value=name or name_of_source(source), key=f"name_{source}", max_chars=120, help="Unique."
        )
    with add:
        pressed = st.button("Add dataset", type="primary", icon=":material/add:", width="stretch", key="add")
    if pressed:
        with shown_errors():
            dataset = add_dataset(ours, source, name=chosen, rule=rule, kind=kind, allowed_roots=roots)
            for key in (_PREVIEW, _UPLOAD):
                st.session_state.pop(key, None)
            st.switch_page("app_pages/run.py", query_params={"dataset": dataset.id})


def _columns_key(source: Path) -> str:
    return f"columns_{source}"


def _known_columns(source: Path) -> tuple[str, ...]:
    known: tuple[str, ...] = st.session_state.get(_columns_key(source), ())
    return known


def _render_rule(label: str, rules: dict[str, str], columns: Sequence[str], *, is_table: bool, key: str) -> str:
    options = [*rules, *(_COLUMN + name for name in columns)]

    def title(option: str) -> str:
        if option.startswith(_COLUMN):
            return f"Column {visible(option.removeprefix(_COLUMN), max_chars=60)}"
        return _OF_TABLE.get(rules[option], rules[option]) if is_table else rules[option]

    chosen = st.selectbox(label, options, format_func=title, key=key)
    if chosen == "folder:N":
        level = st.number_input("Folder level", min_value=1, max_value=20, value=2, key=f"{key}_level")
        return f"folder:{level}"
    return chosen.removeprefix(_COLUMN)


def _preview(ours: Services, source: Path, rule: LabelRule, roots: Sequence[Path]) -> DatasetPreview:
    """List the source once for each rule; other widgets' reruns take the kept preview."""
    asked = (str(source), rule)
    kept = st.session_state.get(_PREVIEW)
    if kept is not None and kept[0] == asked:
        preview: DatasetPreview = kept[1]
        return preview
    with st.spinner("Looking at the files…"):
        preview = preview_dataset(ours, source, rule=rule, allowed_roots=roots)
    st.session_state[_PREVIEW] = (asked, preview)
    return preview
