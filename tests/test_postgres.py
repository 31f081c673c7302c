"""Tests of PostgreSQL run against a real server, and are never skipped unseen where one is required."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests import postgres

ROOT = Path(__file__).resolve().parent.parent
PROBE = """
import pytest
from tests import conftest, postgres
postgres.find_postgres = lambda: None
postgres.REQUIRED = {required}
sys_exit = pytest.main(["-q", "-p", "no:cacheprovider", "tests/test_postgres.py", "-k", "answers"])
raise SystemExit(sys_exit)
"""


@pytest.mark.postgres
def test_the_server_answers_and_its_database_is_empty(postgres_url: str) -> None:
    import psycopg

    with psycopg.connect(postgres_url) as connection:
        assert connection.execute(
            "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'"
        ).fetchone() == (0,)


@pytest.mark.parametrize(("required", "code"), [(False, 0), (True, 1)])
def test_a_skipped_test_of_postgres_fails_where_it_is_required(required: bool, code: int) -> None:
    argv = [sys.executable, "-c", PROBE.format(required=required)]
    result = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == code, result.stdout
    assert postgres.MISSING in result.stdout
