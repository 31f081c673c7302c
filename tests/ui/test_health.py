"""The scorecard of the demo's run: every finding is behind exactly one card of its kind, and leads to its images."""

from __future__ import annotations

from urllib.parse import parse_qs

from dataeval_ui.services.health import findings_of, level_of, list_cards, rows_of
from dataeval_ui.services.runs import open_run
from dataeval_ui.ui import state
from dataeval_ui.ui.panels.health_list import PAGE_SIZE, selection_address
from tests.ui.conftest import Analysed, OpenPage, failures, words


def test_the_cards_together_hold_every_finding(analysed: Analysed) -> None:
    run = open_run(analysed.services, analysed.run_id)
    cards = {card.name: card for card in list_cards(run)}
    exclusive = ("leaks", "unreadable", "duplicates", "annotations", "outliers", "label_error", "quality")
    assert sum(cards[name].n_findings for name in exclusive if name in cards) == len(run.all_findings)
    assert all(
        len(findings_of(run, name)) == card.n_findings
        for name, card in cards.items()
        if name not in ("balance", "coverage")
    )
    assert cards["leaks"].level == "high"
    assert all((card.level in ("ok", "unknown")) or card.sentence for card in cards.values())


def test_levels_follow_severity() -> None:
    assert [level_of(s) for s in (0.95, 0.7, 0.5, 0.4, 0.3, 0.0)] == ["high", "high", "medium", "medium", "low", "low"]


def test_a_cards_button_lists_its_findings_and_each_opens_its_images_on_the_map(
    analysed: Analysed,
    open_page: OpenPage,
) -> None:
    run = open_run(analysed.services, analysed.run_id)
    app = open_page(analysed.services, "health", run=analysed.run_id)
    assert "All findings" in words(app)
    app.button(key="health_leaks").click().run()
    assert failures(app) == []
    assert app.query_params["kind"] == "leaks"
    links = [parse_qs(link.proto.query_string) for link in app.page_link if "Show on the map" in link.value]
    shown = findings_of(run, "leaks")[: len(links)]
    assert len(links) == PAGE_SIZE
    for link, finding in zip(links, shown, strict=True):
        if (rows := rows_of(run, finding))[1:]:
            assert state.decode_selection(link["selected"][0], run.n_images).tolist() == sorted(rows)
        else:
            assert link["image"] == [str(rows[0])]


def test_several_images_are_opened_as_a_selection(analysed: Analysed) -> None:
    run = open_run(analysed.services, analysed.run_id)
    address = selection_address(run, [3, 1])
    assert state.decode_selection(address["selected"], run.n_images).tolist() == [1, 3]
    assert address["panel"] == "selection"
    assert selection_address(run, [7]) == {"image": "7"}
