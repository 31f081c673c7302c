"""Parts: draw a box on an image, and find the images that have a similar part."""

from __future__ import annotations

from dataeval_ui.ui.panels.part_search import render_part_search
from dataeval_ui.ui.panels.run_choice import render_run_choice

render_part_search(render_run_choice("parts"))
