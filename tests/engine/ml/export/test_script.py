"""Tests of the script predict.py beside an exported ONNX file."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
from PIL import Image

from engine import jobs
from engine.config.settings import Geometry
from engine.core.event_stream import run_to_end
from engine.core.file_names import IMAGE_SUFFIXES
from engine.data.dataset import find_images
from engine.data.decode import decode
from engine.data.pixels.grey_range import GreyRanges
from engine.ml.export.script import script_path
from engine.ml.models.preprocessing import CROP_FRACTION, PAD_GREY, Preprocessing, preprocess
from engine.results.predictions import Prediction
from engine.runs.run_folder import Run
from resources import predict
from tests.engine.ml.export.exporting import ONNX, export_to
from tests.image_bytes import png, png_chunk
from tests.tiff_bytes import DEFLATE, tiff


def _run_script(script: Path, *images: Path) -> list[dict[str, object]]:
    command = [sys.executable, "-I", str(script), *map(str, images)]
    predictions = subprocess.run(command, capture_output=True, check=True, cwd=script.parent.parent)
    return [json.loads(line) for line in predictions.stdout.splitlines()]


@pytest.mark.parametrize("geometry", ["crop", "squash", "pad"])
@pytest.mark.parametrize("ranges", [None, GreyRanges(), GreyRanges(integer=(100, 3000), floating=(-1, 2.5))])
def test_the_script_preprocesses_images_as_the_program_does(
    tmp_path: Path, geometry: Geometry, ranges: GreyRanges | None
) -> None:
    preprocessing = Preprocessing(24, geometry, (0.5, 0.5, 0.5), (0.2, 0.2, 0.2), ranges)
    for path in [*_unusual_images(tmp_path), *_deep_images(tmp_path), *_transparent_images(tmp_path)]:
        stored = ranges and json.loads(ranges.model_dump_json())
        actual = predict.preprocess(path, 24, geometry, CROP_FRACTION, PAD_GREY, stored)[0]
        expected = preprocess(decode(path, preprocessing.min_side, ranges), preprocessing).numpy()
        assert np.abs(actual.astype(int) - expected).max() <= 2, path.name


def test_the_script_decides_as_the_program_does(run: Run, exported: Path, tmp_path: Path) -> None:
    images = _unusual_images(tmp_path)
    predictions, expected = _run_script(exported / "predict.py", *images), _predicted(run, images)
    assert [row["label"] for row in predictions] == [row.label for row in expected]
    assert [row["decision"] for row in predictions] == [row.decision for row in expected]
    assert {row.decision for row in expected} == {"accepted", "unknown"}
    differences = [abs(a["confidence"] - (e.confidence or 0)) for a, e in zip(predictions, expected)]  # type: ignore[operator]
    assert max(differences) < 0.01


def test_the_script_prints_the_fields_of_the_program_for_a_class_with_the_name_of_a_decision(
    exported: Path, tmp_path: Path
) -> None:
    model = onnx.load(exported / "a.onnx")
    (entry,) = model.metadata_props
    metadata = json.loads(entry.value)
    classes = ["unknown", "unsure", "accepted"][: len(metadata["classes"])]
    entry.value = json.dumps(metadata | {"classes": classes, "ood_threshold": -1.0, "threshold": 0.0})
    onnx.save(model, tmp_path / "a.onnx")
    (tmp_path / "predict.py").write_bytes((exported / "predict.py").read_bytes())
    rows = _run_script(tmp_path / "predict.py", *_unusual_images(tmp_path))
    assert {row["decision"] for row in rows} == {"accepted"}
    assert {row["label"] for row in rows} <= set(classes)
    assert rows[0].keys() == json.loads(Prediction("a").to_json()).keys()


def test_the_script_goes_on_after_files_that_it_cannot_read(exported: Path, tmp_path: Path) -> None:
    (tmp_path / "photos" / "deep").mkdir(parents=True)
    good = Image.new("RGB", (40, 40), "red")
    good.save(tmp_path / "photos" / "a.png")
    good.save(tmp_path / "photos" / "deep" / "蜂.JPG")
    (tmp_path / "photos" / "b.png").write_bytes(b"no image")
    (tmp_path / "photos" / "c.png").write_bytes((tmp_path / "photos" / "a.png").read_bytes()[:60])
    (tmp_path / "photos" / "notes.txt").write_text("no image")
    (tmp_path / "photos" / ".hidden.png").write_bytes(b"")
    missing, good_path = tmp_path / "missing.png", tmp_path / "photos" / "a.png"
    command = [sys.executable, "-I", str(exported / "predict.py"), *map(str, (missing, tmp_path / "photos", good_path))]
    result = subprocess.run(command, capture_output=True, check=False, env={"PYTHONIOENCODING": "ascii"})
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    names = [Path(row["path"]).name for row in rows]
    assert names == ["missing.png", "a.png", "b.png", "c.png", "蜂.JPG", "a.png"]
    assert [row["error"] is None for row in rows] == [False, True, False, False, True, True]
    assert result.returncode == 1
    assert result.stderr.decode().strip() == "3 of 6 images could not be classified."


def test_the_script_finds_the_same_files_in_folders_as_the_program(tmp_path: Path) -> None:
    assert set(predict.SUFFIXES) == IMAGE_SUFFIXES
    names = [
        "a.jpg",
        "_b.PNG",
        "c.jpg ",
        ".d.jpg",
        "__MACOSX/e.jpg",
        ".git/f.png",
        "g/h.tiff",
        "@eaDir/i.jpg",
        "@j/k.jpg",
    ]
    for name in [*names, "~$l.jpg", "notes.txt", "folder.jpg/m.jpg"]:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert sorted(predict.expand([tmp_path])) == sorted(find_images(tmp_path))


def _predicted(run: Run, images: list[Path]) -> list[Prediction]:
    predictions: list[Prediction] = []
    run_to_end(
        jobs.predict(run.model_path, images),
        lambda event: predictions.append(event) if isinstance(event, Prediction) else None,
    )
    return predictions


def _unusual_images(folder: Path) -> list[Path]:
    """Return images that are wide, high, rotated by EXIF, transparent, with a palette, 16-bit grey, and large."""
    generator = np.random.default_rng(0)
    noise = np.clip(generator.normal((200, 40, 40), 25, (300, 420, 3)), 0, 255).astype(np.uint8)
    noise[:, :100] = (40, 180, 60)
    whole = Image.fromarray(noise)
    exif = Image.Exif()
    exif[0x0112] = 6
    transparent = whole.copy()
    transparent.putalpha(Image.fromarray((generator.random((300, 420)) * 255).astype(np.uint8)))
    deep = Image.fromarray(np.asarray(whole.convert("L")).astype(np.uint16) * 200)
    images = {
        "wide.jpg": (whole, {"quality": 95}),
        "high.png": (whole.crop((0, 0, 40, 300)), {}),
        "turned.jpg": (whole, {"exif": exif}),
        "clear.png": (transparent, {}),
        "palette.gif": (whole.convert("P"), {}),
        "deep.png": (deep, {}),
        "large.jpg": (whole.resize((2100, 1500)), {"quality": 80}),
    }
    for name, (image, options) in images.items():
        image.save(folder / name, **options)
    return [folder / name for name in images]


def _deep_images(folder: Path) -> Iterator[Path]:
    """Yield images of 10, 12 and 16 bits, floats, signed and unsigned integers, in grey and in colour."""
    ramp = np.linspace(0, 1, 40 * 60).reshape(40, 60)
    greys = {white: np.round(ramp * white).astype(np.uint16) for white in (200, 1023, 4095, 60_000)}
    colours = {white: np.stack([grey, grey[::-1], grey[:, ::-1]], 2) for white, grey in greys.items()}
    contents = {f"grey{white}.png": png(grey[..., None], 16, 0) for white, grey in greys.items()}
    contents |= {f"grey{white}.tif": tiff(grey, order=">") for white, grey in greys.items()}
    contents |= {f"colour{white}.png": png(colour, 16, 2) for white, colour in colours.items()}
    contents |= {f"colour{white}.tif": tiff(colour, compression=DEFLATE) for white, colour in colours.items()}
    contents |= {
        "bits.tif": tiff(np.full((8, 12), 0x5A, np.uint8), tags={256: 8, 258: 12}),
        "maximum.pgm": b"P5 60 40 4095\n" + greys[1023].astype(">u2").tobytes(),
        "inverted.tif": tiff(greys[4095], tags={262: 0}),
        "signed.tif": tiff((ramp * 500 - 200).astype(np.int16)),
        "bytes.tif": tiff((ramp * 200 - 100).astype(np.int8)),
        "unsigned.tif": tiff((ramp * 2**32 * 0.99).astype(np.uint32)),
        "float.tif": tiff(ramp.astype(np.float32)),
        "bright.tif": tiff((ramp * 1.0001).astype(np.float32)),
        "negative.tif": tiff(np.where(ramp < 0.1, np.nan, ramp - 0.5).astype(np.float32)),
        "infinite.tif": tiff(np.where(ramp > 0.9, np.inf, ramp).astype(np.float32)),
        "missing.tif": tiff(np.where(ramp < 0.2, -9999, ramp).astype(np.float32), tags={42113: "-9999"}),
        "holes.tif": tiff(np.where(ramp < 0.2, 65535, greys[1023]).astype(np.uint16), tags={42113: "65535"}),
        "huge.tif": tiff(np.where(ramp < 0.2, -3.4e38, ramp).astype(np.float32)),
        "turned.tif": tiff(colours[1023], tags={274: 6}),
    }
    for name, content in contents.items():
        (folder / name).write_bytes(content)
        yield folder / name


def _transparent_images(folder: Path) -> Iterator[Path]:
    """Yield light and dark drawings on transparent grounds, of 4 to 16 bits."""
    alpha = np.zeros((40, 60), np.uint16)
    alpha[10:30, 20:40] = 65535
    for grey in (0, 4095, 65535):
        drawing = np.full((40, 60), grey, np.uint16)
        contents = {
            f"clear{grey}.png": png(np.stack([drawing, alpha], 2), 16, 4),
            f"colours{grey}.png": png(np.stack([drawing] * 3 + [alpha], 2), 16, 6),
            f"value{grey}.png": png(alpha[..., None], 16, 0, png_chunk(b"tRNS", grey.to_bytes(2, "big"))),
            f"small{grey}.png": png(alpha[..., None] % 16, 4, 0, png_chunk(b"tRNS", bytes([0, grey % 16]))),
        }
        for name, content in contents.items():
            (folder / name).write_bytes(content)
            yield folder / name


@pytest.mark.slow
def test_a_foreign_script_is_not_overwritten(run: Run, tmp_path: Path) -> None:
    (tmp_path / "predict.py").write_text("mine")
    export_to(run, tmp_path / "a.onnx", ONNX)
    assert (tmp_path / "predict.py").read_text("utf-8") == "mine"
    assert (tmp_path / "predict-a.py").is_file()


def test_the_script_reads_the_out_of_distribution_threshold_of_older_exports(exported: Path, tmp_path: Path) -> None:
    model = onnx.load(exported / "a.onnx")
    (entry,) = model.metadata_props
    metadata = json.loads(entry.value)
    del metadata["ood_threshold"]
    entry.value = json.dumps(metadata | {"unknown_below": 1.1})
    onnx.save(model, tmp_path / "a.onnx")
    (tmp_path / "predict.py").write_bytes((exported / "predict.py").read_bytes())
    images = _unusual_images(tmp_path)
    assert {row["decision"] for row in _run_script(tmp_path / "predict.py", *images)} == {"unknown"}


def test_a_script_of_any_earlier_version_is_recognised_by_its_first_line(tmp_path: Path) -> None:
    first_line = b"# Made by Classifold. Needs onnxruntime, Pillow and numpy:  python predict.py IMAGE...\n"
    (tmp_path / "predict.py").write_bytes(first_line)
    assert script_path(tmp_path / "a.onnx") == tmp_path / "predict.py"
