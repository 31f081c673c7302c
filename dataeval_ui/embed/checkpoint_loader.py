"""Weights of another project for one of timm's architectures: SwAV, MoCo, SimCLR, and the user's own."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dataeval_ui.embed.state_dicts import read_state_dict
from dataeval_ui.errors import CheckpointError, UnknownNameError

if TYPE_CHECKING:
    import torch

    from dataeval_ui.types import Backbone

logger = logging.getLogger(__name__)

MIN_MATCH = 0.95
PREFIXES = (
    "",
    "module.",
    "module.encoder_q.",
    "module.base_encoder.",
    "module.backbone.",
    "module.encoder.",
    "encoder_q.",
    "base_encoder.",
    "backbone.",
    "encoder.",
    "model.",
    "model.backbone.",
    "net.",
    "network.",
    "student.",
    "teacher.",
    "_orig_mod.",
)
"""What trainers put before a network's own names."""
_COUNTER = "num_batches_tracked"  # counts steps of training, is absent from old files, and changes no output


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadReport:
    """What of a checkpoint went into a network.

    Attributes
    ----------
    prefix : str
        What was stripped from the file's names.
    n_loaded, n_wanted : int
        Tensors of the network that the file has in the same shape, and all of them.
    missing : tuple of str
        Names of the network that stay as they were made.
    left : tuple of str
        Names of the file that have no place in the network: heads, queues, the other half of a pair of networks.
    """

    prefix: str
    n_loaded: int
    n_wanted: int
    missing: tuple[str, ...]
    left: tuple[str, ...]

    def __str__(self) -> str:
        """Say it in one line, for the log."""
        stripped = f" under {self.prefix!r}" if self.prefix else ""
        first = f", first {self.left[0]}" if self.left else ""
        return f"{self.n_loaded} of {self.n_wanted} tensors loaded{stripped}; {len(self.left)} of the file left{first}"


def load_matching(network: torch.nn.Module, state: Mapping[str, torch.Tensor], *, backbone: str) -> LoadReport:
    """Put into a network what of a checkpoint fits it, under the prefix that fits best.

    Parameters
    ----------
    network : torch.nn.Module
        Changed only where enough fits.
    state : mapping of str to Tensor
    backbone : str
        Its name, for messages.

    Returns
    -------
    LoadReport

    Raises
    ------
    CheckpointError
        Less than 95 % of the network's tensors are in the file in the right shape, whatever the prefix.

    Notes
    -----
    Ties go to the shorter prefix. Counters of training steps are loaded but not counted.
    """
    wanted = {name: tensor for name, tensor in network.state_dict().items() if not name.endswith(_COUNTER)}
    n_fitting = {
        prefix: sum(_fits(state.get(prefix + name), tensor) for name, tensor in wanted.items()) for prefix in PREFIXES
    }
    prefix = max(PREFIXES, key=lambda p: (n_fitting[p], -len(p)))
    missing = tuple(name for name, tensor in wanted.items() if not _fits(state.get(prefix + name), tensor))
    if not wanted or n_fitting[prefix] < MIN_MATCH * len(wanted):
        under = f" under {prefix!r}" if prefix else ""
        raise CheckpointError(
            f"The weights for {backbone} match {n_fitting[prefix]} of {len(wanted)} tensors of the network{under}, "
            f"and 95 % are needed; the first that is missing or of another shape is {missing[0] if missing else '-'}. "
            "Use the file that the backbone's page names."
        )
    everything = network.state_dict()
    taken = {
        name: state[prefix + name] for name, tensor in everything.items() if _fits(state.get(prefix + name), tensor)
    }
    network.load_state_dict(taken, strict=False)
    left = tuple(name for name in state if name.removeprefix(prefix) not in taken or not name.startswith(prefix))
    report = LoadReport(prefix=prefix, n_loaded=n_fitting[prefix], n_wanted=len(wanted), missing=missing, left=left)
    logger.info("%s: %s.", backbone, report)
    if missing:
        logger.warning("%s: %d tensors are not in the file, first %s.", backbone, len(missing), missing[0])
    return report


def load_checkpoint(backbone: Backbone, checkpoint: Path | None) -> torch.nn.Module:
    """Build one of timm's networks without its classifier and load another project's weights into it.

    Parameters
    ----------
    backbone : Backbone
        `model` is timm's name.
    checkpoint : Path or None
        None leaves the weights random: for its layers alone.

    Returns
    -------
    torch.nn.Module
        Takes (n, 3, px, px), gives (n, n_dims); in evaluation mode.

    Raises
    ------
    CheckpointError
        The file is damaged, holds more than tensors, or fits less than 95 % of the network.
    UnknownNameError
        timm has no such architecture.
    """
    import timm
    import torch

    if not timm.is_model(backbone.model.partition(".")[0]):
        raise UnknownNameError("architecture of timm", backbone.model, timm.list_models())
    with torch.random.fork_rng(devices=[]):  # what the file lacks is at least the same everywhere
        torch.manual_seed(0)
        network: torch.nn.Module = timm.create_model(backbone.model, pretrained=False, num_classes=0)
    if checkpoint is not None:
        load_matching(network, read_state_dict(checkpoint, is_wrapped=True), backbone=backbone.name)
    return network.eval()


def _fits(tensor: torch.Tensor | None, expected: torch.Tensor) -> bool:
    return tensor is not None and tensor.shape == expected.shape
