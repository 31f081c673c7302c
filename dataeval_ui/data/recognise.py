"""What a folder is: plain images, or images with annotations in one of the known ways."""

from __future__ import annotations

from pathlib import Path

from dataeval_ui.data.coco import find_coco_files
from dataeval_ui.data.huggingface_shards import is_saved_dataset
from dataeval_ui.data.voc import find_voc
from dataeval_ui.data.yolo import find_yolo_yaml, has_yolo_labels
from dataeval_ui.types import SourceFormat


def recognise(folder: Path) -> SourceFormat:
    """Tell the format of a folder by what lies in it.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    SourceFormat
        The first that fits of: `voc` (folders Annotations and JPEGImages), `huggingface` (what `save_to_disk` wrote, or
        Parquet files with a column of images), `yolo` (a YAML file with names and splits, or folders images and labels
        with lines of numbers), `coco` (a JSON file with images, annotations and categories); else `folder`.

    Notes
    -----
    Looks at names near the top and the first megabytes of a few files.
    """
    root = str(folder)
    if find_voc(root) is not None:
        return "voc"
    if is_saved_dataset(folder):
        return "huggingface"
    if find_yolo_yaml(root) is not None or has_yolo_labels(root):
        return "yolo"
    return "coco" if find_coco_files(root) else "folder"
