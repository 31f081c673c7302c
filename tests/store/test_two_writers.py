"""Two writers at once, in processes of their own, on both back ends: nothing is lost, nothing is there twice."""

from __future__ import annotations

import subprocess
import sys
import textwrap

from dataeval_ui.store.catalog import open_catalog

WRITER = textwrap.dedent("""
    import sys
    from datetime import UTC, datetime
    from dataeval_ui.store.catalog import open_catalog
    from dataeval_ui.store.catalog_decisions import DecisionRecord
    catalog, who = open_catalog(sys.argv[1]), sys.argv[2]
    print("ready", flush=True)
    sys.stdin.readline()
    for i in range(50):
        for name in (f"{who}-decision-{i}", f"shared-by-both-{i}"):
            made = DecisionRecord(id=name, run_id="r1", dataset_id="d1", finding_kind="outlier", finding_key=f"k{i}",
                                  verdict="keep", reviewer="shared" if name.startswith("shared") else who,
                                  at=datetime.now(UTC), source="local")
            catalog.add_decisions([made])
""")


def test_decisions_of_two_writers_at_once_are_all_there_once(catalog_url: str) -> None:
    open_catalog(catalog_url).close()
    argv = [sys.executable, "-c", WRITER, catalog_url]
    writers = [
        subprocess.Popen([*argv, who], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for who in ("ann", "bob")
    ]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        writer.communicate("go\n")
    assert [writer.returncode for writer in writers] == [0, 0]
    catalog = open_catalog(catalog_url)
    stored = [d.id for d in catalog.list_decisions("d1")]
    expected = [f"{who}-{i}" for who in ("ann-decision", "bob-decision", "shared-by-both") for i in range(50)]
    assert sorted(stored) == sorted(expected)
    assert len(catalog.list_audit()) == 150
    assert catalog.last_decision("d1") >= 150
    catalog.close()
