import numpy as np
import pytest
from PIL import Image

from dataeval_ui.data.resize import model_input, resized_px
from dataeval_ui.types import Preprocessing
from tests.data.images import photo

SIZES = [(640, 480), (480, 640), (300, 300), (333, 257), (257, 333), (1000, 101), (40, 30), (31, 224), (225, 224)]


def preprocessing(input_px: int, resize_px: int, interpolation: str, *, squash: bool = False) -> Preprocessing:
    return Preprocessing(
        input_px=input_px,
        resize_px=resize_px,
        interpolation=interpolation,  # type: ignore[arg-type]
        mean=(0.5, 0.5, 0.5),
        std=(0.5, 0.5, 0.5),
        squash=squash,
    )


def reference(image: Image.Image, settings: Preprocessing) -> np.ndarray:
    transforms = pytest.importorskip("torchvision.transforms")
    size = (settings.resize_px, settings.resize_px) if settings.squash else settings.resize_px
    mode = transforms.InterpolationMode(settings.interpolation)
    steps = [transforms.Resize(size, mode), transforms.CenterCrop(settings.input_px)]
    return np.asarray(transforms.Compose(steps)(image))


def assert_alike(ours: np.ndarray, theirs: np.ndarray) -> None:
    assert ours.shape == theirs.shape
    difference = np.abs(ours.astype(int) - theirs.astype(int))
    assert difference.max() <= 2
    assert (difference > 1).mean() < 0.0005
    assert difference.mean() < 0.04  # grey levels of 255


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("input_px", "resize_px"), [(224, 256), (224, 224), (224, 249), (288, 303), (64, 65)])
@pytest.mark.parametrize("interpolation", ["bicubic", "bilinear"])
def test_pixels_are_those_of_torchvision(
    size: tuple[int, int], input_px: int, resize_px: int, interpolation: str
) -> None:
    settings = preprocessing(input_px, resize_px, interpolation)
    image = photo(*size)
    assert_alike(model_input(image, settings), reference(image, settings))


@pytest.mark.parametrize("size", SIZES[:4])
@pytest.mark.parametrize(("input_px", "resize_px"), [(224, 224), (224, 256)])
def test_squashed_pixels_are_those_of_torchvision(size: tuple[int, int], input_px: int, resize_px: int) -> None:
    settings = preprocessing(input_px, resize_px, "bicubic", squash=True)
    image = photo(*size)
    assert_alike(model_input(image, settings), reference(image, settings))


@pytest.mark.parametrize("name", ["tf_efficientnet_lite0", "resnet50.a1_in1k", "vit_small_patch14_dinov2.lvd142m"])
def test_pixels_are_those_of_timms_own_transform(name: str) -> None:
    timm = pytest.importorskip("timm")
    from timm.data import create_transform, resolve_data_config

    config = resolve_data_config({}, pretrained_cfg=timm.get_pretrained_cfg(name).to_dict())
    transform = create_transform(**config)
    input_px = config["input_size"][1]
    resize_px = transform.transforms[0].size
    resize_px = resize_px if isinstance(resize_px, int) else resize_px[0]
    settings = preprocessing(input_px, resize_px, config["interpolation"])
    for size in ((640, 480), (500, 375), (333, 500)):
        image = photo(*size)
        tensor = transform(image).permute(1, 2, 0).numpy()
        theirs = np.rint((tensor * np.float32(config["std"]) + np.float32(config["mean"])) * 255)
        assert_alike(model_input(image, settings), theirs)


@pytest.mark.parametrize("size", [(1, 500), (500, 1), (1, 1), (3, 4000)])
def test_very_thin_images_are_resized_as_well(size: tuple[int, int]) -> None:
    settings = preprocessing(32, 36, "bicubic")
    image = photo(*size)
    assert_alike(model_input(image, settings), reference(image, settings))


def test_a_crop_larger_than_the_image_is_surrounded_by_black() -> None:
    settings = preprocessing(8, 4, "bilinear")
    white = Image.new("RGB", (10, 10), (255, 255, 255))
    pixels = model_input(white, settings)
    assert pixels[2:6, 2:6].min() == 255
    assert pixels.sum() == 4 * 4 * 3 * 255
    np.testing.assert_array_equal(pixels, reference(white, settings))


def test_grey_is_resized_as_its_three_equal_bands() -> None:
    settings = preprocessing(32, 36, "bicubic")
    grey = photo(90, 70, mode="L")
    np.testing.assert_array_equal(model_input(grey, settings), model_input(grey.convert("RGB"), settings))


@pytest.mark.parametrize("size", [(1001, 1501), (1502, 1000), (1003, 1003)])
@pytest.mark.parametrize("factor", [2, 3])
def test_a_reduced_image_keeps_the_geometry_of_the_original(size: tuple[int, int], factor: int) -> None:
    settings = preprocessing(64, 72, "bicubic")
    image = photo(*size)
    reduced = model_input(image.reduce(factor), settings, original=size)
    whole = model_input(image, settings)
    assert np.abs(reduced.astype(int) - whole).max() <= 3


def test_the_longer_side_is_cut_down_to_a_whole_pixel() -> None:
    assert resized_px(640, 480, 256) == (341, 256)
    assert resized_px(480, 640, 256) == (256, 341)
    assert resized_px(10, 10, 7) == (7, 7)
