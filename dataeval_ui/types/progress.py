"""What long work tells and asks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from dataeval_ui.types.base import Stage

if TYPE_CHECKING:
    pass


class Progress(Protocol):
    """What long work tells and asks while it goes on."""

    def report(self, stage: Stage, n_done: int, n_total: int) -> None:
        """Say how far a stage is. Cheap: callers report every batch, implementations throttle."""

    def check_cancelled(self) -> None:
        """Raise `CancelledError` if the user asked to stop."""


class Silent:
    """A `Progress` that says nothing and never cancels."""

    def report(self, stage: Stage, n_done: int, n_total: int) -> None:
        """Do nothing."""

    def check_cancelled(self) -> None:
        """Do nothing."""
