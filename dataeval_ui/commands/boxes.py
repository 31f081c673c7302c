"""The command that tells the faults of a run's boxes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from dataeval_ui.commands.output import show

if TYPE_CHECKING:
    import argparse

    from dataeval_ui.services.context import Services


def add_parser(commands: Any, shared: argparse.ArgumentParser, json_too: argparse.ArgumentParser) -> None:
    """Spell the command."""
    parser = commands.add_parser("boxes", parents=[shared, json_too], help="tell the faults of a dataset's boxes")
    parser.add_argument("run", metavar="RUN", help="id or name of a run, or name of its dataset")


def boxes(services: Services, args: argparse.Namespace) -> int:
    """Tell which boxes are tiny, cut off, over each other or odd in shape."""
    from dataeval_ui.errors import InputError
    from dataeval_ui.services.boxes import localization
    from dataeval_ui.services.runs import find_run, open_run

    run = open_run(services, find_run(services, args.run).id)
    told = localization(run)
    if told is None:
        raise InputError(
            f"The images of {run.record.name!r} have no boxes; run a dataset with annotations of COCO, YOLO or VOC."
        )
    if args.json:
        print(json.dumps(told))
        return 0
    print(
        f"{told['n_boxes']:,} boxes of {told['n_images']:,} images; half of them take less than "
        f"{told['median_area_share']:.2%} of their image."
    )
    rows = [
        {
            "fault": one["title"],
            "boxes": one["n_boxes"],
            "share": f"{one['share']:.1%}",
            "first": (one["paths"] or [""])[0],
        }
        for one in told["faults"]
    ]
    return show(rows, False, empty="", key="faults")
