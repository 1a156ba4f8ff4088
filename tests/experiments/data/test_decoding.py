"""Decoding of every odd kind of image file, and the view of a network."""

from __future__ import annotations

import io
import struct
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torchvision.datasets.folder import pil_loader
from torchvision.transforms import v2

from experiments.data.decoding import ImageFileError, read_image, read_rgb, view
from experiments.data.preprocessing import Preprocessing
from tests.experiments.data.image_helpers import COLOURS, IMAGENET, noise, patches


def colours(image: torch.Tensor, side: int = 16) -> np.ndarray:
    """Return the colours in the middle of the squares of `patches`, (2, 3, 3)."""
    return image.permute(1, 2, 0)[side // 2 :: side, side // 2 :: side].numpy().astype(int)


def check_colours(path, atol=6, **options):
    image = read_rgb(path, **options)
    assert image.dtype == torch.uint8 and image.shape == (3, 32, 48)
    np.testing.assert_allclose(colours(image), COLOURS, rtol=0, atol=atol)


@pytest.mark.parametrize("suffix", ["png", "bmp", "ppm", "tiff", "webp"])
def test_lossless_files_keep_their_bytes(tmp_path, suffix):
    image = noise(7, 5)
    image.save(tmp_path / f"a.{suffix}", **({"lossless": True} if suffix == "webp" else {}))
    expected = torch.from_numpy(np.array(image)).permute(2, 0, 1)
    assert torch.equal(read_rgb(tmp_path / f"a.{suffix}"), expected)


@pytest.mark.parametrize("mode", ["RGB", "CMYK", "YCbCr"])
def test_jpeg_files_of_all_colour_spaces(tmp_path, mode):
    patches().convert(mode).save(tmp_path / "a.jpg", quality=98)
    check_colours(tmp_path / "a.jpg")


def test_jpeg_files_in_ycck(tmp_path):
    # Adobe's files hold inverted CMYK, (c, m, y, k). YCCK is YCbCr of (255 - c, 255 - m, 255 - y),
    # and k; then the transform in Adobe's marker is 2. Pillow writes inverted CMYK, transform 0.
    stored = 255 - np.array(patches().convert("CMYK"))
    ycc = np.array(Image.fromarray(255 - stored[..., :3]).convert("YCbCr"))
    inverted = 255 - np.concatenate([ycc, stored[..., 3:]], axis=2)
    height, width, _ = inverted.shape
    as_cmyk = Image.frombytes("CMYK", (width, height), inverted.tobytes())
    written = io.BytesIO()
    as_cmyk.save(written, "JPEG", quality=98, subsampling=0)
    content = bytearray(written.getvalue())
    transform = content.index(b"Adobe") + 11
    assert content[transform] == 0
    content[transform] = 2
    (tmp_path / "a.jpg").write_bytes(content)
    check_colours(tmp_path / "a.jpg")


@pytest.mark.parametrize("mode", ["L", "LA", "1", "P", "PA", "RGBA", "RGBX"])
def test_other_modes_are_as_the_reference_loader_has_them(tmp_path, mode):
    image = noise(9, 6).convert(mode.removesuffix("X").replace("PA", "P"))
    if mode == "PA":
        image.info["transparency"] = bytes(range(256))
    elif mode in ("LA", "RGBA"):
        image.putalpha(Image.fromarray(np.arange(54, dtype=np.uint8).reshape(6, 9)))
    path = tmp_path / "a.png"
    image.save(path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read = read_image(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = pil_loader(str(path))
    assert read.mode == "RGB" and read.tobytes() == expected.tobytes()


def test_transparency_is_ignored(tmp_path):
    image = patches().convert("RGBA")
    image.putalpha(0)
    image.save(tmp_path / "a.png")
    check_colours(tmp_path / "a.png", atol=0)


@pytest.mark.parametrize("suffix", ["png", "tiff"])
@pytest.mark.parametrize("order", ["<u2", ">u2"])
def test_grey_of_16_bits_is_scaled(tmp_path, suffix, order):
    values = np.array([[0, 128, 129, 257], [32768, 65278, 65406, 65535]], dtype=np.uint16)
    if order == ">u2" and suffix == "tiff":
        # Big-endian, written from the definition of the format: one strip behind the header.
        tags = [(256, 4, 4), (257, 4, 2), (258, 3, 16), (259, 3, 1), (262, 3, 1), (273, 4, 8)]
        tags += [(277, 3, 1), (278, 4, 2), (279, 4, 16)]
        rows = b"".join(
            struct.pack(">HHI", tag, kind, 1) + struct.pack(">HH" if kind == 3 else ">I", *value)
            for tag, kind, number in tags
            for value in [(number, 0) if kind == 3 else (number,)]
        )
        header = struct.pack(">2sHI", b"MM", 42, 24)
        content = header + values.astype(">u2").tobytes()
        content += struct.pack(">H", len(tags)) + rows + bytes(4)
        (tmp_path / f"a.{suffix}").write_bytes(content)
    else:
        Image.fromarray(values).save(tmp_path / f"a.{suffix}")
    image = read_rgb(tmp_path / f"a.{suffix}")
    expected = np.rint(values / 65535 * 255).astype(int)
    assert expected.tolist() == [[0, 0, 1, 1], [128, 254, 254, 255]]
    for channel in image:
        np.testing.assert_array_equal(channel, expected)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (np.full((2, 2), 70000, np.int32), "grey values from 70000 to 70000 have no known white"),
        (np.zeros((2, 2), np.float32), "floating-point pixels have no known white"),
    ],
)
def test_pixels_without_a_known_white_are_refused(tmp_path, values, said):
    Image.fromarray(values).save(tmp_path / "a.tiff")
    with pytest.raises(ImageFileError, match=f"a.tiff cannot be read as an image: {said}"):
        read_rgb(tmp_path / "a.tiff")


@pytest.mark.parametrize("suffix", ["gif", "webp", "png"])
def test_the_first_frame_of_an_animation(tmp_path, suffix):
    frames = [patches(), noise(48, 32), noise(48, 32, seed=1)]
    options = {"lossless": True} if suffix == "webp" else {}
    frames[0].save(tmp_path / f"a.{suffix}", save_all=True, append_images=frames[1:], **options)
    with Image.open(tmp_path / f"a.{suffix}") as written:
        assert written.n_frames == 3
    check_colours(tmp_path / f"a.{suffix}", atol=0)


def test_the_first_image_of_a_camera_that_takes_two(tmp_path):
    patches().save(tmp_path / "a.jpg", "MPO", save_all=True, append_images=[noise(48, 32)])
    check_colours(tmp_path / "a.jpg", atol=60)  # of the usual quality


@pytest.mark.parametrize(("orientation", "turned"), [(3, Image.ROTATE_180), (6, Image.ROTATE_270)])
def test_the_rotation_of_cameras_is_applied_on_request_only(tmp_path, orientation, turned):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "a.jpg"
    patches().save(path, quality=98, exif=exif)
    check_colours(path)
    assert read_image(path).tobytes() == pil_loader(str(path)).tobytes()
    expected = read_image(path).transpose(turned)
    assert read_image(path, orient=True).tobytes() == expected.tobytes()
    patches().save(path, quality=98)
    check_colours(path, orient=True)


def test_the_suffix_does_not_matter(tmp_path):
    # One file of ILSVRC 2012, n02105855_2933.JPEG, is a PNG file.
    patches().save(tmp_path / "n02105855_2933.JPEG", "PNG")
    check_colours(tmp_path / "n02105855_2933.JPEG", atol=0)


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP"])
@pytest.mark.parametrize("share", [0.0, 0.002, 0.5, 0.9])
def test_truncated_files_are_errors(tmp_path, format_, share):
    written = io.BytesIO()
    noise(64, 64).save(written, format_)
    content = written.getvalue()
    path = tmp_path / "a.img"
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(ImageFileError) as raised:
        read_rgb(path)
    said = str(raised.value)
    assert said.startswith(f"{path} cannot be read as an image: ") and "\n" not in said
    assert said.endswith("; replace the file") and said.count(str(path)) == 1
    if share == 0:
        assert "the file is empty" in said


@settings(max_examples=150)
@given(st.sampled_from(["JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "PPM"]), st.data())
def test_damage_is_an_error_or_an_image(tmp_path_factory, format_, data):
    written = io.BytesIO()
    noise(12, 12).save(written, format_)
    content = bytearray(written.getvalue())
    for _ in range(data.draw(st.integers(1, 4))):
        position = data.draw(st.integers(0, len(content) - 1))
        content[position] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.getbasetemp() / "damaged.img"
    path.write_bytes(content)
    try:
        assert read_image(path).mode == "RGB"
    except ImageFileError as error:
        assert str(path) in str(error)


def test_what_is_no_image(tmp_path):
    (tmp_path / "a.jpg").write_text("<html>not found</html>")
    with pytest.raises(ImageFileError, match=r"a.jpg cannot be read as an image: cannot identify"):
        read_rgb(tmp_path / "a.jpg")
    (tmp_path / "b.jpg").mkdir()
    with pytest.raises(ImageFileError, match=r"b.jpg cannot be read as an image: .*directory"):
        read_rgb(tmp_path / "b.jpg")
    with pytest.raises(ImageFileError, match=r"c.jpg does not exist"):
        read_rgb(tmp_path / "c.jpg")
    noise(4, 4).save(tmp_path / "d.jpg", "EPS")  # to read it, Pillow would start a program
    with pytest.raises(ImageFileError, match=r"d.jpg cannot be read as an image: cannot identify"):
        read_rgb(tmp_path / "d.jpg")


@pytest.mark.parametrize("excess", [1.5, 3])
def test_decompression_bombs(tmp_path, monkeypatch, excess):
    noise(20, 20).save(tmp_path / "a.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", int(400 / excess))
    with pytest.raises(ImageFileError, match=r"a.png cannot be read .*decompression bomb"):
        read_rgb(tmp_path / "a.png")


# ---- views --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "size", [(500, 375), (375, 500), (224, 300), (256, 256), (100, 90), (2000, 257), (257, 225)]
)
def test_the_view_is_that_of_torchvision(size):
    image = noise(*size)
    reference = v2.Compose([v2.Resize(256), v2.CenterCrop(224), v2.PILToTensor()])
    shown = view(image, IMAGENET)
    assert shown.dtype == torch.uint8 and shown.shape == (3, 224, 224)
    assert torch.equal(shown, reference(image))


def test_an_image_of_the_final_size_is_resized_and_cropped_like_any_other():
    image = noise(224, 224)
    expected = v2.Compose([v2.Resize(256), v2.CenterCrop(224), v2.PILToTensor()])(image)
    assert torch.equal(view(image, IMAGENET), expected)
    same = Preprocessing(IMAGENET.mean, IMAGENET.std, resize=224, crop=224)
    assert torch.equal(view(image, same), v2.functional.pil_to_tensor(image))


def test_without_a_crop_or_without_both():
    mean = std = (0.5,) * 3
    image = noise(30, 20)
    assert view(image, Preprocessing(mean, std)).shape == (3, 20, 30)
    assert view(image, Preprocessing(mean, std, resize=10)).shape == (3, 10, 15)
    cropped = view(image, Preprocessing(mean, std, crop=10))
    assert torch.equal(cropped, v2.functional.pil_to_tensor(image)[:, 5:15, 10:20])
