"""What the catalog tells of datasets, runs and jobs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from dataeval_ui.types import AnalysisParams, EmbeddingKey, JobState, Json, LabelRule, Stage

DatasetKind = Literal["folder", "archive", "table", "upload", "demo"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetRecord:
    """A dataset.

    Attributes
    ----------
    id : str
        16 random hexadecimal digits.
    name : str
        Unique.
    source : str
        As the user gave it.
    root : str
        Absolute folder that paths are relative to.
    created_at : datetime
        UTC.
    manifest_digest : str or None
        The last manifest; None before the first run.
    n_files : int or None
        Number of places in it.
    """

    id: str
    name: str
    source: str
    root: str
    rule: LabelRule
    kind: DatasetKind
    created_at: datetime
    manifest_digest: str | None = None
    n_files: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """A run: a manifest seen through one backbone, analysed with some parameters.

    Attributes
    ----------
    finished_at : datetime or None
        UTC; None while it is not finished.
    summary : dict
        Counts and seconds, empty until it is finished.
    base_run_id : str or None
        The earlier run whose map and graph it extends.
    """

    id: str
    dataset_id: str
    name: str
    backbone: str
    key: EmbeddingKey
    manifest_digest: str
    params: AnalysisParams
    created_at: datetime
    finished_at: datetime | None
    summary: Json
    base_run_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRecord:
    """Work that a worker does.

    Attributes
    ----------
    rate_per_s : float or None
        Items a second, over the last seconds.
    eta_s : float or None
        Seconds that the stage still takes.
    error : str or None
        Why it failed, as a sentence.
    heartbeat_at : datetime or None
        UTC; when its worker last said that it lives.
    worker_pid, worker_host : int, str or None
        The process that does it.
    n_attempts : int
        How many workers took it and did not end in good order, the running one counted.
    """

    id: str
    kind: str
    payload: Json
    state: JobState
    stage: Stage | None
    n_done: int
    n_total: int
    rate_per_s: float | None
    eta_s: float | None
    error: str | None
    result: Json | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    heartbeat_at: datetime | None
    worker_pid: int | None
    cancel_requested: bool
    worker_host: str | None = None
    n_attempts: int = 0

    @property
    def is_over(self) -> bool:
        """Whether it is done, failed or cancelled."""
        return self.state in ("done", "failed", "cancelled")
