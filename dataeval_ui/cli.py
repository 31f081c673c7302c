"""The command line: the same services as the pages.

`--json` prints one object and nothing else on stdout; progress and messages go to stderr. Exit codes: 0 done, 1 a gate
failed, 2 the input is wrong (one sentence, no traceback), 130 cancelled.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Sequence

from dataeval_ui import __version__
from dataeval_ui.commands import COMMANDS, COMPUTING, PARSERS
from dataeval_ui.commands.grouped import GroupedCommands
from dataeval_ui.commands.output import prepared_process
from dataeval_ui.errors import DataEvalUIError

EXAMPLES = """\
examples:
  dataeval-ui demo                              look at the bundled images, already analysed
  dataeval-ui run photos/ --name photos         embed and analyse a folder
  dataeval-ui serve                             open the dashboard
  dataeval-ui search photos --image cat.jpg     the most similar images
"""


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands. Imports no library that is slow to start."""
    parser = argparse.ArgumentParser(
        prog="dataeval-ui",
        description="What is wrong with this image dataset, and can I show it to someone?",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"dataeval-ui {__version__}")
    commands = GroupedCommands(parser.add_subparsers(dest="command", metavar="COMMAND"))
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--workspace", metavar="DIR", help="folder for everything that is written")
    json_too = argparse.ArgumentParser(add_help=False)
    json_too.add_argument("--json", action="store_true", help="print one JSON object on stdout, nothing else")

    demo = commands.add_parser("demo", parents=[shared], help="open the bundled images, already analysed")
    serve = commands.add_parser("serve", parents=[shared], help="open the dashboard")
    for command in (demo, serve):
        command.add_argument("--host", help="address to serve at (default 127.0.0.1)")
        command.add_argument("--port", type=int, help="port to serve at (default 8501)")
        command.add_argument("--no-browser", action="store_true", help="do not open a browser window")
        command.add_argument("--root", action="append", metavar="DIR", help="folder that pages may read; repeatable")
        command.add_argument("--offline", action="store_true", default=None, help="never ask a model hub")

    run = commands.add_parser(
        "run", parents=[shared, json_too], help="embed and analyse a folder, an archive or a table of images"
    )
    run.add_argument("source", metavar="SOURCE", help="a folder, a zip or tar, a CSV or Parquet of paths, hf://NAME")
    run.add_argument("--name", help="name of the dataset (default: that of the source)")
    network = run.add_mutually_exclusive_group()
    network.add_argument("--backbone", default="efficientnet-lite0", help="see `dataeval-ui backbones`")
    network.add_argument("--model", metavar="FILE", help="a model of your own: ONNX, torch.export, or weights")
    run.add_argument("--architecture", metavar="NAME", help="timm's name of the network that --model holds weights of")
    run.add_argument("--input-px", type=int, metavar="PX", help="side of the square input of --model")
    run.add_argument("--resize-px", type=int, metavar="PX", help="shorter side before the crop (default --input-px)")
    for name in ("--mean", "--std"):
        run.add_argument(name, type=float, nargs=3, metavar=("R", "G", "B"), help="of --model (default ImageNet's)")
    run.add_argument("--interpolation", choices=["bicubic", "bilinear"], help="of --model (default bicubic)")
    run.add_argument("--output", metavar="NAME", help="output or inner tensor of an ONNX --model")
    run.add_argument("--licence", metavar="TEXT", help="of --model, for its card")
    run.add_argument("--layer", metavar="NAME", help="another layer; see `dataeval-ui backbones NAME --layers`")
    run.add_argument("--pooling", metavar="P", help="auto, mean, max, gem, cls, flatten or none")
    run.add_argument("--device", metavar="D", help="auto, cpu, cuda, cuda:N or mps (default: the setting, auto)")
    run.add_argument("--precision", choices=["full", "mixed"], help="mixed casts to float16 on cuda and mps")
    run.add_argument(
        "--label-from", default="folder", metavar="R", help="folder, folder:N, folder:leaf, none or a column"
    )
    run.add_argument("--split-from", default="folder", metavar="RULE", help="folder, none, or a column")
    run.add_argument("--path-column", metavar="COLUMN", help="column of a table that holds the paths")
    run.add_argument(
        "--format",
        default="auto",
        choices=["auto", "folder", "coco", "yolo", "voc", "huggingface"],
        help="how annotations are written (default: by what lies there)",
    )
    run.add_argument("--objects", action="store_true", help="embed every annotated object instead of whole images")
    run.add_argument("--margin", type=float, metavar="M", help="part of a box that its crop adds (default 0.1)")
    run.add_argument("--neighbors", type=int, metavar="K", help="neighbours of each image (default 15)")
    run.add_argument("--min-dist", type=float, metavar="D", help="UMAP's min_dist (default 0.1)")
    run.add_argument("--clusters", choices=["hdbscan", "kmeans"], help="how to cluster (default hdbscan)")
    run.add_argument("--n-clusters", type=int, metavar="N", help="number of k-means clusters (default 12)")
    run.add_argument("--min-cluster-size", type=int, metavar="N", help="HDBSCAN's smallest cluster")
    run.add_argument("--min-samples", type=int, metavar="N", help="HDBSCAN's min_samples (default 3)")
    run.add_argument("--outlier-threshold", type=float, metavar="T", help="score from which an image is an outlier")
    run.add_argument("--seed", type=int, help="random state of map and k-means (default 42)")
    run.add_argument("--refit", action="store_true", help="fit the map anew instead of placing new images on it")
    run.add_argument("--detach", action="store_true", help="leave it to the background worker and return at once")
    run.add_argument("--offline", action="store_true", default=None, help="never ask a model hub")

    findings = commands.add_parser("findings", parents=[shared], help="print what a run found")
    findings.add_argument("run", metavar="RUN", help="id or name of a run, or name of its dataset")
    findings.add_argument("--kind", help="only one kind")
    findings.add_argument("--format", default="json", choices=["json", "csv", "parquet"])

    search = commands.add_parser("search", parents=[shared, json_too], help="find the most similar images")
    search.add_argument("run", metavar="RUN", help="id or name of a run, or name of its dataset")
    query = search.add_mutually_exclusive_group(required=True)
    query.add_argument("--image", metavar="FILE", help="an image of your own")
    query.add_argument("--image-id", metavar="ID", help="an image of the run, by id or path")
    query.add_argument("--text", metavar="WORDS", help="words, where the run's backbone knows them")
    search.add_argument("--minus", metavar="WORDS", action="append", default=[], help="words to subtract from --text")
    search.add_argument("--k", type=int, default=10, help="number of images (default 10)")

    compare = commands.add_parser(
        "compare", parents=[shared, json_too], help="compare runs of the same images under several backbones"
    )
    compare.add_argument("runs", metavar="RUN", nargs="+", help="two to four runs, by id or name")
    compare.add_argument("--no-copies", action="store_true", help="plant no copies: only what is measured already")

    names = commands.add_parser(
        "names", parents=[shared, json_too], help="name a run's clusters from a bundled list of words"
    )
    names.add_argument("run", metavar="RUN", help="id or name of a run, or name of its dataset")

    export = commands.add_parser(
        "export", parents=[shared], help="write a run as a table, or as one page for reviewers"
    )
    export.add_argument("run", metavar="RUN", help="id or name of a run, or name of its dataset")
    export.add_argument(
        "out", metavar="OUT.{csv,parquet,json,html}", help="the file to write; its ending is its format"
    )
    export.add_argument("--view", metavar="NAME", help="of OUT.html: the saved view that it shows first")

    for name, text in (
        ("datasets", "list the datasets"),
        ("runs", "list the finished runs"),
        ("jobs", "list what is going on and what ended lately"),
    ):
        commands.add_parser(name, parents=[shared, json_too], help=text)
    backbones = commands.add_parser(
        "backbones", parents=[shared, json_too], help="list the backbones and which are on this machine"
    )
    backbones.add_argument("name", metavar="NAME", nargs="?", help="only this one; or timm:NAME, hf:REPOSITORY, ...")
    backbones.add_argument("--layers", action="store_true", help="list its layers, their shapes and poolings")
    backbones.add_argument("--newest", action="store_true", help="ask the hub which revision it has now")
    for name, text in (("cancel", "stop a job; what it committed stays"), ("resume", "go on with a stopped job")):
        command = commands.add_parser(name, parents=[shared], help=text)
        command.add_argument("job", metavar="JOB", help="id of a job; see `dataeval-ui jobs`")
    remove = commands.add_parser("remove", parents=[shared], help="forget a dataset and its runs; images stay")
    remove.add_argument("dataset", metavar="DATASET", help="id or name; see `dataeval-ui datasets`")
    commands.add_parser("worker", parents=[shared], help="take jobs until none is left (started by the dashboard)")
    for add_parser in PARSERS:
        add_parser(commands, shared, json_too)
    parser.epilog = f"{commands.listing()}\n\n{EXAMPLES}"
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    parser = build_parser()
    args = parser.parse_args(argv)
    if args.command is None:
        parser.print_help(sys.stderr)
        return 2
    try:
        return run_command(args)
    except DataEvalUIError as error:
        from dataeval_ui.ui.text import visible

        print(f"dataeval-ui: {visible(str(error), max_chars=4000)}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("dataeval-ui: cancelled; run the same command again to go on.", file=sys.stderr)
        return 130
    except BrokenPipeError:  # `dataeval-ui findings … | head`
        sys.stderr.close()
        return 0


def run_command(args: argparse.Namespace) -> int:
    """Do what the parsed arguments say."""
    from dataeval_ui.services.context import open_services
    from dataeval_ui.settings import load_settings

    names = ("workspace", "host", "port", "offline")
    overrides = {name: getattr(args, name, None) for name in names}
    if getattr(args, "root", None):
        overrides["data_roots"] = args.root
    settings = load_settings(overrides)
    with prepared_process(settings) if args.command in COMPUTING else contextlib.nullcontext():
        return COMMANDS[args.command](open_services(settings), args)


if __name__ == "__main__":
    sys.exit(main())
