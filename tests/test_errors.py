"""Errors are sentences, and callers can catch the builtin they know."""

import pytest

from dataeval_ui import errors


def test_every_error_has_the_builtin_that_callers_already_catch() -> None:
    for name, builtin in {
        "InputError": ValueError,
        "UnknownNameError": KeyError,
        "AccessDeniedError": PermissionError,
        "StorageError": OSError,
        "CheckpointError": ValueError,
        "OutOfMemoryError": MemoryError,
    }.items():
        assert issubclass(getattr(errors, name), builtin)
        assert issubclass(getattr(errors, name), errors.DataEvalUIError)


def test_an_unknown_name_suggests_the_nearest_and_lists_the_known() -> None:
    error = errors.UnknownNameError("backbone", "resnet5O", ["resnet50", "clip-vit-b-32"])
    assert str(error) == (
        "There is no backbone named 'resnet5O'. Did you mean 'resnet50'? Known: clip-vit-b-32, resnet50."
    )


def test_a_long_list_of_known_names_is_cut() -> None:
    text = str(errors.UnknownNameError("run", "x", [f"run-{i:02d}" for i in range(30)]))
    assert text.endswith("and 18 more.")
    assert "run-12" not in text


def test_a_storage_error_prints_its_sentence_not_an_errno() -> None:
    with pytest.raises(OSError, match=r"^The disk is full\.$"):
        raise errors.StorageError("The disk is full.")


def test_cancelling_exits_as_an_interrupted_program_does() -> None:
    assert errors.CancelledError("x").exit_code == 130
    assert errors.SourceError("x").exit_code == 2
