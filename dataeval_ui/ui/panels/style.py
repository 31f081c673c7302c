"""The style sheet that stands around every page: what Streamlit's theme has no setting for."""

from __future__ import annotations

_ALWAYS = """
[data-testid="stMainBlockContainer"] { padding-left: clamp(1rem, 3vw, 5rem); padding-right: clamp(1rem, 3vw, 5rem); }
a:focus-visible, button[role="tab"]:focus-visible {
  outline: 2px solid currentColor !important; outline-offset: 2px; border-radius: 4px;
}
div:has(> .st-key-close_menu), div:has(> .st-key-keys_script) { display: none; }

/* the strip of counts: buttons and links alike */
.st-key-facts { flex-wrap: wrap !important; row-gap: 0.1rem !important; overflow: visible !important; }
.st-key-facts a, .st-key-facts button {
  height: 1.75rem; min-height: 0; margin: 0; padding: 0 0.3rem; gap: 0.35rem;
  justify-content: flex-start; line-height: 1;
}
.st-key-facts a > *, .st-key-facts button > * { gap: 0.35rem; margin: 0; white-space: nowrap; }

/* cards of equal width, their links on one line */
.st-key-health_cards {
  display: grid; grid-template-columns: repeat(auto-fill, minmax(min(200px, 46%), 1fr)); gap: 0.75rem;
}
.st-key-health_cards > * { width: auto !important; min-width: 0; }
.st-key-health_cards [data-testid="stVerticalBlock"] > :last-child { margin-top: auto; }

/* the list of keys, at the right end of the header */
div:has(> .st-key-keys_place), .st-key-keys_place { position: absolute; width: auto; height: 0; }
.st-key-keys { position: fixed; top: 0.6rem; right: 0.9rem; width: auto; z-index: 999991; }
.st-key-keys button p span { font-size: 1.35rem !important; }
.st-key-keys button svg, .st-key-keys button > div > div:last-child:not(:first-child) { display: none; }
table.keys { border-collapse: collapse; width: 100%; font-size: 0.875rem; }
table.keys caption { text-align: left; font-weight: 600; padding: 0.25rem 0; }
table.keys td { padding: 0.2rem 0.75rem 0.2rem 0; vertical-align: baseline; }
table.keys td:first-child { white-space: nowrap; }
table.keys kbd {
  padding: 0.05rem 0.4rem; border: 1px solid color-mix(in srgb, currentColor 30%, transparent);
  border-bottom-width: 2px; border-radius: 5px; background: color-mix(in srgb, currentColor 7%, transparent);
  font: inherit; font-size: 0.8rem;
}
"""

_NARROW = """
@media (max-width: 640px) {
  .st-key-facts {
    display: grid !important; grid-template-columns: repeat(3, minmax(0, auto)); justify-content: start;
    grid-auto-rows: 1.7rem; align-items: center; gap: 0 0.75rem !important;
  }
  .st-key-facts span:has(> [data-testid="stIconMaterial"]) { display: none; }
  .st-key-facts a, .st-key-facts button { padding: 0; font-size: 0.875rem; }
  [data-testid="stButtonGroup"] [role="radiogroup"] { flex-wrap: wrap !important; overflow: visible !important; }
  [class*="st-key-dataset_"] [data-testid="stHorizontalBlock"] { justify-content: flex-start !important; }
  .st-key-compare_table td, .st-key-compare_table th { padding: 0.3rem 0.25rem; overflow-wrap: anywhere; }
  /* a matrix of many classes is moved sideways rather than squeezed */
  .st-key-label_confusion { overflow-x: auto; }
  .st-key-label_confusion > *, .st-key-label_confusion [data-testid="stPlotlyChart"] { min-width: 36rem; }
  /* a list that fills what stands below it: both fit on the screen */
  .st-key-outlier_gallery, .st-key-label_gallery { max-height: 52vh; overflow-y: auto; }
}
"""
"""A row that does not wrap is cut off on a narrow screen, and a list of fifty images would push what was chosen in it
out of sight."""


def style_sheet(title: str, section: int | None, *, named: bool = True) -> str:
    """Return the style sheet of a page as HTML.

    Parameters
    ----------
    title : str
        Name of the page, which the navigation shows behind the name of its section.
    section : int, optional
        Place of that section, from 1; None where the pages stand in a row that marks the open one by itself.
    named : bool, default True
        False where the section is called as the page is.

    Notes
    -----
    Streamlit's menus do not show which page is open. On a narrow screen there is but the header to show it in.
    """
    name = title.replace("\\", "").replace('"', "")
    placed = f"""
@media (max-width: 767px) {{
  [data-testid="stHeader"]::after {{
    content: "{name}"; position: absolute; right: 3.4rem; top: 50%; transform: translateY(-50%);
    font-weight: 600; pointer-events: none;
  }}
}}
"""
    if section is not None:
        item = f'[data-testid="stTopNav"] > :nth-child({section}) [data-testid="stTopNavSection"]'
        placed += f"""
{item} {{ box-shadow: inset 0 -2px 0 currentColor; border-radius: 6px 6px 0 0; }}
{item} p {{ font-weight: 600; }}
"""
        if named:
            placed += f'{item} p::after {{ content: " · {name}"; font-weight: 400; }}'
    return f"<style>{_ALWAYS}{_NARROW}{placed if title else ''}</style>"
