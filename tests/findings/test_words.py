from dataeval_ui.findings.words import counted, listed, shown_name


def test_names_are_listed_as_words():
    assert listed([]) == ""
    assert listed(["a"]) == "a"
    assert listed(["a", "b", "c"]) == "a, b and c"
    assert listed(["a", "b", "c", "d", "e"]) == "a, b, c and 2 more"


def test_a_long_name_keeps_its_ends():
    shown = shown_name("a" * 100 + "end.png")
    assert len(shown) == 80
    assert shown.endswith("end.png")


def test_one_image_is_singular():
    assert counted(1, "image") == "1 image"
    assert counted(2000, "image") == "2,000 images"
