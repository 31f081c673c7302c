"""Parts of images: computed, and found in others."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from dataeval_ui.commands.output import interrupted_by_sigterm, say, show
from dataeval_ui.errors import InputError

if TYPE_CHECKING:
    import argparse

    from dataeval_ui.services.context import Services
    from dataeval_ui.services.parts import Example, RunParts


def parts(services: Services, args: argparse.Namespace) -> int:
    """Compute the parts of a run's images, and find those like a box on one."""
    from dataeval_ui.jobs.progress import TerminalProgress
    from dataeval_ui.services.parts import RunParts, compute_parts
    from dataeval_ui.services.runs import find_run, open_run
    from dataeval_ui.ui.text import count, size

    is_query = args.image is not None or args.image_id is not None
    if is_query != (args.box is not None):
        raise InputError("--box says where on the image the part is: give it with --image or --image-id.")
    run = open_run(services, find_run(services, args.run).id)
    with interrupted_by_sigterm():
        state = compute_parts(services, run, TerminalProgress(sys.stderr))
    opened = RunParts(run)
    if not is_query:
        if args.json:
            return show(
                [{"run": run.id, "n_images": state.n_images, "n_stored": state.n_stored, "n_bytes": state.n_bytes}],
                True,
                empty="",
                key="parts",
            )
        say(f"The parts of {state.n_stored:,} of {count(state.n_images, 'image')} are stored, {size(state.n_bytes)}.")
        return 0
    example = _own(services, opened, args) if args.image is not None else _of_run(run, opened, args)
    found = opened.search([example], k=args.k)
    rows = [
        {
            "rank": rank,
            "score": round(float(score), 6),
            "path": run.places(int(row))[0].path,
            "image_id": run.image_ids[row],
        }
        for rank, (row, score) in enumerate(zip(found.rows, found.scores, strict=True), start=1)
    ]
    return show(rows, args.json, empty="There is no other image in this run.", key="images")


def _of_run(run: Any, opened: RunParts, args: argparse.Namespace) -> Example:
    from dataeval_ui.commands.asking import row_of

    return opened.example(row_of(run, args.image_id), args.box)


def _own(services: Services, opened: RunParts, args: argparse.Namespace) -> Example:
    from dataeval_ui.analysis.part_search import check_box
    from dataeval_ui.data.decode import read_bytes
    from dataeval_ui.data.paths import source_path
    from dataeval_ui.services.parts import Example

    box = check_box(args.box)
    data, reason = read_bytes(source_path(args.image), settings=services.settings)
    if data is None:
        raise InputError(f"{args.image!r} cannot be read. {reason}")
    codes, _ = opened.own_image(data)
    return Example(codes=codes, box=box)


def add_parser(commands: Any, shared: argparse.ArgumentParser, json_too: argparse.ArgumentParser) -> None:
    """Spell the command."""
    command = commands.add_parser(
        "parts", parents=[shared, json_too], help="compute the parts of a run's images; find those like a box"
    )
    command.add_argument("run", metavar="RUN", help="id or name of a run, or name of its dataset")
    query = command.add_mutually_exclusive_group()
    query.add_argument("--image", metavar="FILE", help="the part is on an image of your own")
    query.add_argument("--image-id", metavar="ID", help="the part is on an image of the run, by id or path")
    command.add_argument(
        "--box",
        type=float,
        nargs=4,
        metavar=("LEFT", "TOP", "WIDTH", "HEIGHT"),
        help="where the part is, as shares of the image's width and height in [0, 1]",
    )
    command.add_argument("--k", type=int, default=10, help="number of images (default 10)")
