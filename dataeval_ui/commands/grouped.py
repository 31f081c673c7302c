"""The list of commands, by what a person wants of them."""

from __future__ import annotations

import argparse
from typing import Any

GROUPS: dict[str, tuple[str, ...]] = {
    "look": ("demo", "serve"),
    "analyse": ("run", "backbones", "names", "parts", "compare", "drift"),
    "ask": ("findings", "boxes", "search", "check", "export"),
    "review and share": ("decide", "assign", "decisions", "cleaned", "clean", "share", "import-decisions"),
    "keep house": (
        *("datasets", "runs", "jobs", "cancel", "resume", "remove"),
        *("backup", "restore", "password", "worker"),
    ),
}
"""A command that is named in none is listed under "more"."""


class GroupedCommands:
    """Adds commands as argparse does, each with its sentence also in its own help; lists them by group."""

    def __init__(self, actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
        self._actions = actions
        self._sentences: dict[str, str] = {}

    def add_parser(self, name: str, *, help: str, **options: Any) -> argparse.ArgumentParser:
        """Add a command; argparse itself is told no `help`, so that it does not list the command a second time."""
        self._sentences[name] = help
        return self._actions.add_parser(name, description=f"{help[0].upper()}{help[1:]}.", **options)

    def listing(self) -> str:
        """Return the list for the help of the whole."""
        named = {name for names in GROUPS.values() for name in names}
        groups = {**GROUPS, "more": tuple(name for name in self._sentences if name not in named)}
        lines = ["commands (`dataeval-ui COMMAND --help` says more):"]
        for title, names in groups.items():
            known = [name for name in names if name in self._sentences]
            if known:
                lines += ["", f"  {title}", *(f"    {name:<18}{self._sentences[name]}" for name in known)]
        return "\n".join(lines)
