import itertools

import numpy as np
import pytest

from dataeval_ui.figures.palette import categorical_colors, neutral_color, rgb_of, sequential_colors

# Machado, Oliveira and Fernandes 2009, severity 1.0, on linear RGB: https://doi.org/10.1109/TVCG.2009.113
SIGHTS = {
    "full": np.eye(3),
    "deutan": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "protan": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
}
PAGES = {False: "#ffffff", True: "#0e1117"}


def linear(color):
    channels = np.array(rgb_of(color)) / 255
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)


def lab(rgb):
    matrix = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    xyz = matrix @ np.clip(rgb, 0, 1) / [0.9505, 1, 1.089]
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def contrast(a, b):
    light, dark = sorted((float(linear(c) @ [0.2126, 0.7152, 0.0722]) for c in (a, b)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("sight", SIGHTS)
@pytest.mark.parametrize("dark", [False, True])
def test_twelve_colours_can_be_told_apart(dark, sight):
    seen = [lab(SIGHTS[sight] @ linear(c)) for c in categorical_colors(12, dark=dark)]
    assert min(np.linalg.norm(a - b) for a, b in itertools.combinations(seen, 2)) > 12


@pytest.mark.parametrize("dark", [False, True])
def test_colours_stand_out_from_the_page(dark):
    assert min(contrast(c, PAGES[dark]) for c in categorical_colors(12, dark=dark)) > 2.5
    ends = sequential_colors(dark=dark)
    assert contrast(ends[-1], PAGES[dark]) > contrast(ends[0], PAGES[dark])


def test_after_36_groups_colours_repeat():
    colors = categorical_colors(50)
    assert len(set(colors[:36])) == 36
    assert colors[36:] == colors[:14]


def test_grey_is_no_group():
    assert neutral_color() not in categorical_colors(36)
    assert neutral_color(dark=True) not in categorical_colors(36, dark=True)


def test_channels_by_hand():
    assert rgb_of("#0072b2") == (0, 114, 178)
