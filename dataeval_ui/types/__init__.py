"""Frozen values that cross rooms.

Arrays named `rows` index the images of a run, in the run's order: distinct readable contents, by first appearance in
the manifest. An `image_id` names an image: the hash of its file's bytes. A *place* is a file; several places may hold
the same image.
"""

from __future__ import annotations

from dataeval_ui.types.analysis import (
    AnalysisParams,
    Clustering,
    DuplicatePairs,
    Finding,
    NeighborGraph,
    OutlierScores,
    Projection,
)
from dataeval_ui.types.base import (
    METADATA_PREFIX,
    ClusterMethod,
    FindingKind,
    JobState,
    Json,
    PlaceStatus,
    SourceFormat,
    Stage,
    batches,
    digest_of,
)
from dataeval_ui.types.embeddings import Backbone, BackboneSource, EmbeddingKey
from dataeval_ui.types.images import DecodedImage, LabelRule, Listing, Manifest, Preprocessing
from dataeval_ui.types.own_models import OwnKind, OwnModel
from dataeval_ui.types.progress import Progress, Silent

__all__ = [
    "METADATA_PREFIX",
    "AnalysisParams",
    "Backbone",
    "BackboneSource",
    "ClusterMethod",
    "Clustering",
    "DecodedImage",
    "DuplicatePairs",
    "EmbeddingKey",
    "Finding",
    "FindingKind",
    "JobState",
    "Json",
    "LabelRule",
    "Listing",
    "Manifest",
    "NeighborGraph",
    "OutlierScores",
    "OwnKind",
    "OwnModel",
    "PlaceStatus",
    "Preprocessing",
    "Progress",
    "Projection",
    "Silent",
    "SourceFormat",
    "Stage",
    "batches",
    "digest_of",
]
