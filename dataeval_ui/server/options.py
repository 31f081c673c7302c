"""Streamlit's options as this product needs them: the same for `dataeval-ui serve` and for `streamlit run app.py`.

`.streamlit/config.toml` says the same for the second; a test holds the two together.
"""

from __future__ import annotations

from dataeval_ui.figures.palette import CATEGORICAL_DARK, CATEGORICAL_LIGHT

THEME: dict[str, object] = {
    "theme.baseRadius": "8px",
    "theme.buttonRadius": "8px",
    "theme.showWidgetBorder": True,
    "theme.linkUnderline": True,
    "theme.paddingTop": "0.75rem",
    "theme.paddingBottom": "3rem",
    "theme.headingFontWeights": [650, 600, 600, 600, 600, 600],
    "theme.headingFontSizes": ["1.9rem", "1.45rem", "1.2rem", "1.05rem", "1rem", "0.95rem"],
    "theme.light.primaryColor": "#2563c4",
    "theme.light.backgroundColor": "#ffffff",
    "theme.light.secondaryBackgroundColor": "#f1f4f8",
    "theme.light.textColor": "#1a232e",
    "theme.light.borderColor": "#d3dae3",
    "theme.light.linkColor": "#1f58b0",
    "theme.light.chartCategoricalColors": list(CATEGORICAL_LIGHT),
    "theme.light.sidebar.backgroundColor": "#f6f8fb",
    "theme.dark.primaryColor": "#4a88e8",
    "theme.dark.backgroundColor": "#11161d",
    "theme.dark.secondaryBackgroundColor": "#1c232d",
    "theme.dark.textColor": "#e7ebf1",
    "theme.dark.borderColor": "#38424f",
    "theme.dark.linkColor": "#8ab4f8",
    "theme.dark.chartCategoricalColors": list(CATEGORICAL_DARK),
    "theme.dark.sidebar.backgroundColor": "#161c24",
}

STREAMLIT_OPTIONS: dict[str, object] = {
    # Streamlit collects garbage after every run of a script: 36-70 ms of each click. `gc_thread` does it now and then.
    "runner.postScriptGC": False,
    # What stands alone in a page's file, such as the docstring of a constant, is no text of the page.
    "runner.magicEnabled": False,
    "server.address": "127.0.0.1",
    "server.headless": True,
    "server.fileWatcherType": "none",
    # Streamlit keeps its own uploads in memory; ours go to the disk, by a route of ours.
    "server.maxUploadSize": 1,
    "server.enableStaticServing": False,
    "client.toolbarMode": "minimal",
    "client.showErrorDetails": "none",
    "browser.gatherUsageStats": False,
    "logger.hideWelcomeMessage": True,
    **THEME,
}


def config_toml() -> str:
    """Write the options as `.streamlit/config.toml`, a section a table."""
    import json

    tables: dict[str, list[str]] = {}
    for option, value in STREAMLIT_OPTIONS.items():
        table, name = option.rsplit(".", 1)
        tables.setdefault(table, []).append(f"{name} = {json.dumps(value)}")
    head = "# Written by `scripts/write_streamlit_config.py`; the options live in `dataeval_ui/server/options.py`.\n"
    return head + "".join(f"\n[{table}]\n" + "\n".join(lines) + "\n" for table, lines in tables.items())
