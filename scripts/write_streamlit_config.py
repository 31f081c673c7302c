"""Write `.streamlit/config.toml` from `dataeval_ui.server.options`, which `dataeval-ui serve` uses directly."""

from pathlib import Path

from dataeval_ui.server.options import config_toml

path = Path(__file__).resolve().parent.parent / ".streamlit" / "config.toml"
path.parent.mkdir(exist_ok=True)
path.write_text(config_toml(), encoding="utf-8")
print(path)
