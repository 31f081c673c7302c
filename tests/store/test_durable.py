import errno
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from dataeval_ui.errors import StorageError
from dataeval_ui.store.durable import read_json, remove_leftovers, write_durably, write_json_durably


def test_what_was_written_is_there_alone(tmp_path: Path) -> None:
    write_durably(tmp_path / "a", lambda stream: stream.write(b"first") and None)
    write_durably(tmp_path / "a", lambda stream: stream.write(b"second") and None)
    assert (tmp_path / "a").read_bytes() == b"second"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_write_that_fails_leaves_the_earlier_file_and_nothing_else(tmp_path: Path) -> None:
    write_durably(tmp_path / "a", lambda stream: stream.write(b"first") and None)

    def fail(stream) -> None:
        stream.write(b"half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(StorageError, match=r"is full or its quota is reached\. Free some space"):
        write_durably(tmp_path / "a", fail)
    assert (tmp_path / "a").read_bytes() == b"first"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_an_interrupt_while_writing_leaves_nothing(tmp_path: Path) -> None:
    def interrupt(_stream) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_durably(tmp_path / "a", interrupt)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="limits of the file size are POSIX's")
def test_a_file_beyond_the_systems_limit_is_a_sentence_in_a_real_process(tmp_path: Path) -> None:
    code = """
        import resource, signal, sys
        from pathlib import Path
        from dataeval_ui.errors import StorageError
        from dataeval_ui.store.durable import write_durably
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        try:
            write_durably(Path(sys.argv[1]), lambda stream: stream.write(bytes(1_000_000)) and None)
        except StorageError as error:
            print(error)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), str(tmp_path / "a")], capture_output=True, text=True, check=True
    )
    assert "is full or its quota is reached" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_leftovers_of_a_dead_process_go_and_those_of_a_live_one_stay(tmp_path: Path) -> None:
    code = """
        import os, sys
        from pathlib import Path
        from dataeval_ui.store.durable import aside_name
        aside_name(Path(sys.argv[1]) / "part.parquet").touch()
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code), str(tmp_path)], check=True)
    from dataeval_ui.store.durable import aside_name

    mine = aside_name(tmp_path / "part.parquet")
    mine.touch()
    (tmp_path / ".profile.tmp").touch()
    assert remove_leftovers(tmp_path) == 1
    assert {path.name for path in tmp_path.iterdir()} == {mine.name, ".profile.tmp"}


def test_equal_json_gives_equal_bytes(tmp_path: Path) -> None:
    write_json_durably(tmp_path / "a", {"b": 1, "a": "ü"})
    write_json_durably(tmp_path / "b", {"a": "ü", "b": 1})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert read_json(tmp_path / "a") == {"a": "ü", "b": 1}


def test_json_that_is_missing_or_damaged_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("{")
    with pytest.raises(StorageError, match="is damaged: it is no JSON"):
        read_json(tmp_path / "a")
    with pytest.raises(StorageError, match="cannot be written or read: No such file"):
        read_json(tmp_path / "b")
