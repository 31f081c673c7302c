"""Fetching weights from the model hub, with one plain reason when that fails."""

from __future__ import annotations

import importlib
import importlib.util
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

logger = logging.getLogger(__name__)

TIMEOUT_S = 10.0
"""For the hub's first answer; the download itself follows huggingface_hub's own settings."""


class HubError(Exception):
    """A file that cannot be had; its text completes the sentence "The weights ... are not on this machine and ...".

    Never leaves this room.
    """


def cached_file(hub: str, *, revision: str = "main") -> Path | None:
    """Find a file that the hub's client has fetched before, without network.

    Parameters
    ----------
    hub : str
        Repository and file: "owner/name/file".
    revision : str, default "main"
        Commit or branch.
    """
    from huggingface_hub import try_to_load_from_cache

    repository, file_name = hub.rsplit("/", 1)
    found = try_to_load_from_cache(repository, file_name, revision=revision)
    return Path(found) if isinstance(found, str) else None


def newest_commit(hub: str) -> str:
    """Ask the hub which commit of a file its branch "main" has now.

    Raises
    ------
    HubError
        As `fetch_file`.
    """
    return _ask(hub, "main")


def fetch_file(hub: str, *, revision: str = "main") -> Path:
    """Fetch a file into the cache of the hub's client.

    Raises
    ------
    HubError
        The hub is away, slow, refuses, lacks the file, or is no hub; or the download was cut.
    """
    from huggingface_hub import hf_hub_download

    # asked first by itself: it answers at once, where the download tries again for minutes
    _ask(hub, revision)
    repository, file_name = hub.rsplit("/", 1)
    logger.info("Fetching %s from %s.", file_name, repository)
    with _in_words(repository):
        return Path(hf_hub_download(repository, file_name, revision=revision, etag_timeout=TIMEOUT_S))


def _ask(hub: str, revision: str) -> str:
    from huggingface_hub import get_hf_file_metadata, hf_hub_url

    repository, file_name = hub.rsplit("/", 1)
    with _in_words(repository):
        metadata = get_hf_file_metadata(hf_hub_url(repository, file_name, revision=revision), timeout=TIMEOUT_S)
    if metadata.commit_hash is None or metadata.etag is None:
        raise HubError("what answers is no model hub (a proxy's page?)")
    return metadata.commit_hash


@contextmanager
def _in_words(repository: str) -> Iterator[None]:
    """Turn whatever the client raises into a `HubError`."""
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, OfflineModeIsEnabled

    try:
        yield
    except HfHubHTTPError as error:
        if error.response.status_code in (401, 403):
            raise HubError(
                f"the hub answers with status {error.response.status_code} for {repository}: it is gated or private; "
                f"accept its terms at https://huggingface.co/{repository} and log in with `hf auth login`"
            ) from error
        raise HubError(f"the hub answers with status {error.response.status_code} for {repository}") from error
    except OfflineModeIsEnabled as error:
        raise HubError("the hub may not be asked (HF_HUB_OFFLINE is set)") from error
    except HFValidationError as error:
        raise HubError(f"{repository} is no name of a repository") from error
    except _client_errors() as error:
        raise HubError(f"the hub cannot be reached ({_first_line(error)})") from error


def _client_errors() -> tuple[type[Exception], ...]:
    """What a broken connection raises: OSError, and the base errors of the clients that huggingface_hub is built on."""
    clients = [name for name in ("httpx", "httpx2", "requests") if importlib.util.find_spec(name) is not None]
    return (OSError, *(importlib.import_module(name).HTTPError for name in clients))


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:160].rstrip(".")
