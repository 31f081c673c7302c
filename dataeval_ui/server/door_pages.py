"""The few pages that whoever is not in yet may see. They load nothing and run no script."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.responses import Response

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} · DataEval UI</title>
<style>
:root {{ color-scheme: light dark; --ink: #1a232e; --soft: #55606e; --paper: #f1f4f8; --card: #fff; --line: #d3dae3;
  --accent: #2563c4; --bad: #b3261e; }}
@media (prefers-color-scheme: dark) {{ :root {{ --ink: #e7ebf1; --soft: #a9b4c2; --paper: #11161d; --card: #1c232d;
  --line: #38424f; --accent: #8ab4f8; --bad: #f2b8b5; }} }}
* {{ box-sizing: border-box; }}
body {{ margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 1rem; background: var(--paper);
  color: var(--ink); font: 16px/1.5 "Source Sans 3", "Segoe UI", Roboto, Arial, sans-serif; }}
main {{ width: min(26rem, 100%); background: var(--card); border: 1px solid var(--line); border-radius: 12px;
  padding: 1.75rem; }}
h1 {{ font-size: 1.35rem; line-height: 1.25; margin: 0 0 .5rem; }}
p {{ margin: 0 0 1rem; color: var(--soft); }} p.bad {{ color: var(--bad); }} p:last-child {{ margin: 0; }}
label {{ display: block; font-weight: 600; margin-bottom: .35rem; }}
input {{ width: 100%; font: inherit; padding: .6rem .7rem; border: 1px solid var(--line); border-radius: 8px;
  background: var(--paper); color: var(--ink); margin-bottom: 1rem; }}
button {{ width: 100%; font: inherit; font-weight: 600; padding: .6rem; border: 0; border-radius: 8px; cursor: pointer;
  background: #2563c4; color: #fff; }}
a {{ color: var(--accent); }} :focus-visible {{ outline: 2px solid var(--accent); outline-offset: 2px; }}
</style></head><body><main>{body}</main></body></html>
"""

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"


def _page(title: str, body: str, status: int, *, referrer: str = "no-referrer") -> Response:
    from starlette.responses import HTMLResponse

    headers = {"Content-Security-Policy": _POLICY, "Cache-Control": "no-store", "Referrer-Policy": referrer}
    return HTMLResponse(_PAGE.format(title=escape(title), body=body), status_code=status, headers=headers)


def message_page(title: str, text: str, *, link: tuple[str, str] | None = None, status: int = 403) -> Response:
    """Say something, and offer one way on."""
    way = "" if link is None else f'<p><a href="{escape(link[0])}">{escape(link[1])}</a></p>'
    return _page(title, f"<h1>{escape(title)}</h1><p>{escape(text)}</p>{way}", status)


def login_page(*, wanted: str, error: str = "", status: int = 200, base_path: str = "") -> Response:
    """Ask for the owner's password."""
    bad = f'<p class="bad" role="alert">{escape(error)}</p>' if error else ""
    body = (
        "<h1>DataEval UI</h1><p>This dashboard belongs to somebody. Reviewers need the link that they were sent.</p>"
        f'{bad}<form method="post" action="{escape(base_path)}/login">'
        f'<input type="hidden" name="next" value="{escape(wanted)}">'
        '<label for="password">Password</label><input id="password" name="password" type="password" maxlength="1024" '
        'autocomplete="current-password" required autofocus><button>Log in</button></form>'
    )
    # Below "no-referrer" a browser says of a form that it comes from nowhere (`Origin: null`), and it would be refused.
    return _page("Log in", body, status, referrer="same-origin")
