"""A gate's report for continuous integration: JUnit XML, and Markdown for a pull request."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dataeval_ui.types.gate import GateCondition, GateReport

MAX_SHOWN = 50
"""Files that Markdown names for each condition; JSON and JUnit name all."""

_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_MARKUP = re.compile(r"([\\`*_{}\[\]()#+.!|~$:@>-])")


def junit(report: GateReport) -> bytes:
    """Return a test suite with a test case for each condition; a failure names the images concerned."""
    from xml.etree import ElementTree as ET  # only written here, never read

    suite = ET.Element(
        "testsuite",
        name=_xml(f"dataeval-ui check {report.dataset}"),
        tests=str(len(report.conditions)),
        failures=str(report.n_failed),
        errors="0",
        skipped="0",
    )
    for condition in report.conditions:
        case = ET.SubElement(suite, "testcase", classname=_xml(report.dataset), name=_xml(condition.condition))
        if condition.failed:
            failure = ET.SubElement(case, "failure", type="gate", message=_xml(values_text(condition)))
            failure.text = _xml("\n".join([*condition.sentences, *condition.paths]))
    return bytes(ET.tostring(suite, encoding="utf-8", xml_declaration=True))


def markdown(report: GateReport) -> str:
    """Return a summary: a table of the conditions, and below it the images of those that failed, folded away."""
    n = len(report.conditions)
    verdict = f"{report.n_failed} of {n} conditions failed" if report.n_failed else f"all {n} conditions passed"
    lines = [
        f"### Dataset check: {_text(report.dataset)}, {verdict}",
        "",
        "| | fails if | measured |",
        "| --- | --- | --- |",
    ]
    lines += [
        f"| {'❌ failed' if c.failed else '✅ passed'} | {_text(c.condition)} | {_text(values_text(c))} |"
        for c in report.conditions
    ]
    for c in report.conditions:
        if c.failed and c.paths:
            lines += ["", f"<details><summary>{_text(c.condition)}: {len(c.paths):,} files</summary>", ""]
            lines += [f"- {_text(path)}" for path in c.paths[:MAX_SHOWN]]
            if len(c.paths) > MAX_SHOWN:
                lines.append(f"- and {len(c.paths) - MAX_SHOWN:,} more; the JSON and JUnit reports name all")
            lines += ["", "</details>"]
    return "\n".join(lines) + "\n"


def values_text(condition: GateCondition) -> str:
    """Write the metrics of a condition: "leaked_images = 3, n_images = 620"."""
    return ", ".join(f"{name} = {value:.6g}" for name, value in condition.metrics.items())


def _xml(text: str) -> str:
    return _NO_XML.sub("\N{REPLACEMENT CHARACTER}", text)


def _text(text: str) -> str:
    """Write text so that Markdown shows it letter by letter, on one line."""
    line = "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)
    return _MARKUP.sub(r"\\\1", line.replace("&", "&amp;").replace("<", "&lt;"))
