import os
from pathlib import Path

import pytest

from dataeval_ui.errors import ParameterError, StorageError
from dataeval_ui.store.catalog import open_catalog
from dataeval_ui.store.workspace import Workspace, open_workspace
from tests.fakes import KEY


def test_opening_makes_folders_for_this_user_alone(tmp_path: Path) -> None:
    workspace = open_workspace(tmp_path / "a" / "b")
    for folder in (workspace.root, workspace.images_dir, workspace.views_dir, workspace.logs_dir):
        assert folder.is_dir()
        if os.name == "posix":
            assert folder.stat().st_mode & 0o777 == 0o700
    assert open_workspace(workspace.root) == workspace


def test_a_file_is_no_workspace(tmp_path: Path) -> None:
    (tmp_path / "w").touch()
    with pytest.raises(StorageError, match=r"is a file\. Name a folder"):
        open_workspace(tmp_path / "w")


def test_a_workspace_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "w").touch()
    with pytest.raises(StorageError, match="cannot be written or read"):
        open_workspace(tmp_path / "w" / "below")


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    open_workspace(tmp_path / "w").root.chmod(0o500)
    with pytest.raises(StorageError, match="permission denied"):
        open_workspace(tmp_path / "w")


@pytest.mark.parametrize("name", ["a b", "a?mode=ro", "a#b", "a%41b", "ü;@:"])
def test_the_catalog_lies_in_the_workspace_whatever_its_name(tmp_path: Path, name: str) -> None:
    workspace = open_workspace(tmp_path / name)
    catalog = open_catalog(workspace.catalog_url)
    catalog.close()
    assert (workspace.root / "catalog.sqlite").is_file()
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_embeddings_lie_under_the_digest_of_their_key(workspace: Workspace) -> None:
    assert workspace.embeddings_dir(KEY) == workspace.root / "embeddings" / KEY.digest()


@pytest.mark.parametrize("name", ["../x", "a/b", "a\\b", "", ".hidden", "a..b", "x" * 81, "nul\0", "a.", "ü"])
def test_no_name_of_a_run_leads_out_of_its_folder(workspace: Workspace, name: str) -> None:
    with pytest.raises(ParameterError, match="is named by letters, digits"):
        workspace.run_dir(name)
