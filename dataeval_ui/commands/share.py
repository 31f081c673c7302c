"""Commands that let others in: links, and the owner's password."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from dataeval_ui.commands.output import say, show
from dataeval_ui.errors import InputError

if TYPE_CHECKING:
    import argparse

    from dataeval_ui.services.context import Services


def add_parser(commands: Any, shared: argparse.ArgumentParser, json_too: argparse.ArgumentParser) -> None:
    """Spell `share` and `password`."""
    share = commands.add_parser("share", parents=[shared, json_too], help="make, list and revoke links for reviewers")
    share.add_argument("run", metavar="RUN", nargs="?", help="id or name of a run, or name of its dataset")
    share.add_argument("--role", default="view", choices=["view", "comment", "decide"], help="default view")
    share.add_argument("--expires", metavar="TIME", default="7d", help="30m, 12h, 7d, 2w (default 7d)")
    share.add_argument("--uses", type=int, metavar="N", help="let in N browsers (default: any number)")
    share.add_argument("--view", metavar="NAME", help="open this saved view of the run")
    share.add_argument("--note", metavar="TEXT", default="", help="for whom it is, for the list")
    share.add_argument("--url", metavar="URL", help="address of the server (default: the settings')")
    what = share.add_mutually_exclusive_group()
    what.add_argument("--list", action="store_true", help="list the links, of RUN or of all runs")
    what.add_argument("--revoke", metavar="ID", help="end a link, also for those who are in")

    word = commands.add_parser("password", parents=[shared], help="set the password that other addresses need")
    word.add_argument("--remove", action="store_true", help="forget it")

    back = commands.add_parser(
        "import-decisions", parents=[shared, json_too], help="take in decisions that reviewers saved from OUT.html"
    )
    back.add_argument("run", metavar="RUN")
    back.add_argument("files", metavar="FILE", nargs="+", help="decisions files; one taken in before changes nothing")


def import_decisions(services: Services, args: argparse.Namespace) -> int:
    """Take in decisions files, and say how far the reviewers agree."""
    from dataeval_ui.data.decode import read_bytes
    from dataeval_ui.data.paths import source_path
    from dataeval_ui.services import decision_files
    from dataeval_ui.services.runs import find_run, open_run

    opened = open_run(services, find_run(services, args.run).id)
    contents = []
    for name in args.files:
        data, reason = read_bytes(source_path(name), settings=services.settings)
        if data is None:
            raise InputError(f"{name!r} cannot be read. {reason}")
        contents.append(data)
    done = decision_files.import_decisions(opened, contents)
    held = decision_files.current_marks(decision_files.load_marks(opened))
    conflicts = decision_files.conflicts(held)
    if args.json:
        told = {
            "n_new": done.n_new,
            "n_known": done.n_known,
            "n_outside": done.n_outside,
            "reviewers": {name: len(marks) for name, marks in held.items()},
            "agreement": [
                {
                    "reviewers": pair.reviewers,
                    "n_both": pair.n_both,
                    "share": pair.share,
                    "kappa": pair.kappa,
                }
                for pair in decision_files.agreement(held)
            ],
            "conflicts": [
                {"target": target, "decisions": {name: mark.decision for name, mark in marks.items()}}
                for target, marks in conflicts
            ],
        }
        print(json.dumps(told))
        return 0
    say(f"{done.n_new} new marks, {done.n_known} known already, {done.n_outside} on what this run does not have.")
    rows = [
        {"target": target, **{name: mark.decision for name, mark in sorted(marks.items())}}
        for target, marks in conflicts
    ]
    names = ["target", *sorted(held)]
    show([{name: row.get(name) for name in names} for row in rows], False, empty="No conflict.", key="conflicts")
    for pair in decision_files.agreement(held):
        kappa = "not defined" if pair.kappa is None else f"{pair.kappa:.2f}"
        whom, whose = ("both", "Cohen's") if len(pair.reviewers) == 2 else ("all", "Fleiss'")
        say(f"{' and '.join(pair.reviewers)}: {pair.n_both} decided by {whom}, {whose} kappa {kappa}.")
    return 0


def share(services: Services, args: argparse.Namespace) -> int:
    """Make, list or revoke links."""
    from dataeval_ui.services.links import make_link, parse_expiry
    from dataeval_ui.services.runs import find_run
    from dataeval_ui.services.sharing import find_view, link_rows, link_url

    if args.revoke is not None:
        link = services.catalog.revoke_link(args.revoke)
        say(f"The link {link.id} is revoked; whoever came in by it is out at the next click.")
        return 0
    run_id = None if args.run is None else find_run(services, args.run).id
    if args.list:
        return show(link_rows(services, run_id), args.json, empty="There is no link.", key="links")
    if run_id is None:
        raise InputError("Name the run to share: dataeval-ui share RUN --role decide; or --list, or --revoke ID.")
    link, token = make_link(
        services,
        run_id,
        role=args.role,
        expires=parse_expiry(args.expires),
        max_uses=args.uses,
        view_id=None if args.view is None else find_view(services, run_id, args.view).id,
        note=args.note,
    )
    url = link_url(services, token, base=args.url)
    if args.json:
        return show(
            [{"id": link.id, "url": url, "role": link.role, "expires_at": link.expires_at}], True, empty="", key="links"
        )
    print(url)
    say(f"Link {link.id}: lets its holder {link.role} until {link.expires_at:%Y-%m-%d %H:%M} UTC. It is shown once.")
    return 0


def password(services: Services, args: argparse.Namespace) -> int:
    """Set or forget the owner's password."""
    from dataeval_ui.services.login import remove_password, set_password

    if args.remove:
        remove_password(services)
        say("The password is forgotten; the server can be bound to this machine alone.")
        return 0
    if sys.stdin.isatty():
        import getpass

        first = getpass.getpass("New password: ")
        if getpass.getpass("Again: ") != first:
            raise InputError("The two passwords differ. Try again.")
    else:
        first = sys.stdin.readline(2_000).rstrip("\r\n")
    set_password(services, first)
    say("The password is set. Serve at another address with: dataeval-ui serve --host ADDRESS")
    return 0
