"""Tests of subcommands with an argument of another kind than the one they need: each sentence says what is wrong."""

import shutil
import zipfile
from pathlib import Path

import pytest

from engine.cli.main import main
from engine.runs.run_folder import Run
from tests.images import write_classes

RUN_COMMANDS = {
    "resume": ["resume", "{}"],
    "report": ["report", "{}", "--out", "{out}.html"],
    "test": ["test", "{}"],
    "learning-curve": ["learning-curve", "{}"],
    "robustness": ["robustness", "{}"],
    "compare, first": ["compare", "{}", "{run}"],
    "compare, second": ["compare", "{run}", "{}"],
}
MODEL_COMMANDS = {
    "evaluate": ["evaluate", "{}", "{data}"],
    "predict": ["predict", "{}", "{image}"],
    "explain": ["explain", "{}", "{image}", "--out", "{out}.png"],
    "export": ["export", "{}", "--out", "{out}.onnx"],
    "sort": ["sort", "{}", "{data}", "--out", "{out}"],
    "serve": ["serve", "{}"],
    "review": ["review", "{data}", "--model", "{}"],
}
DATA_COMMANDS = {
    "scan": ["scan", "{}"],
    "train": ["train", "{}", "--out", "{out}"],
    "evaluate": ["evaluate", "{model}", "{}"],
    "review": ["review", "{}"],
    "relabel": ["relabel", "{}", "red/000.png", "--to", "blue"],
    "export": ["export", "{model}", "--out", "{out}.onnx", "--data", "{}"],
}
RUN_WORDS = {
    "data": "This is a folder of images, not the folder of a run.",
    "image": "This is an image, not the folder of a run.",
    "table": "This is a table, not the folder of a run.",
    "archive": "This is an archive, not the folder of a run.",
    "text": "This is a file, not the folder of a run.",
    "empty": "This is not the folder of a run: it has no config.json.",
    "missing": "This run does not exist.",
    "runs": "This folder holds 1 run. Choose one of them, such as",
    "lone model": "This model file is not in the folder of its run.",
}
MODEL_WORDS = {
    "data": "This is a folder of images, not a model.",
    "image": "This is not a model made by Classifold.",
    "table": "This is not a model made by Classifold.",
    "archive": "This is not a model made by Classifold.",
    "exported": "This is an exported file. Choose the model.safetensors that it was made from.",
    "foreign": "These are weights of another program.",
    "empty": "There is no model in this folder.",
    "missing": "This model file does not exist.",
    "runs": "This folder holds 1 run. Choose one of them, such as",
    "run without a model": "This run has no model yet. Resume its training first.",
}
DATA_WORDS = {
    "run": "This is the folder of a run, not of images.",
    "model": "This is a model file, not a folder.",
    "image": "This is an image, not a folder.",
    "table": "This is a table, not a folder.",
    "archive": "This is an archive, not a folder. Unpack it, and choose",
    "empty": "There are no images in this folder.",
    "missing": "This folder does not exist.",
}


@pytest.fixture(scope="module")
def paths(tiny_run: Run, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return a path of each kind."""
    folder = tmp_path_factory.mktemp("arguments")
    kinds = {
        "run": Path(shutil.copytree(tiny_run.path, folder / "run")),
        "data": write_classes(folder / "data", {"red": 3, "blue": 3}),
        "table": folder / "table.csv",
        "text": folder / "note.txt",
        "exported": folder / "model.onnx",
        "foreign": folder / "resnet.pth",
        "archive": folder / "photos.zip",
        "empty": folder / "empty",
        "missing": folder / "none" / "here",
        "runs": folder / "runs",
        "lone model": folder / "other.safetensors",
        "run without a model": Path(shutil.copytree(tiny_run.path, folder / "fresh")),
    }
    kinds |= {"model": kinds["run"] / "model.safetensors", "image": kinds["data"] / "red" / "000.png"}
    for kind in ("table", "text", "exported", "foreign"):
        kinds[kind].write_text("path,label\n")
    with zipfile.ZipFile(kinds["archive"], "w") as archive:
        archive.write(kinds["image"], "red/000.png")
    kinds["empty"].mkdir()
    shutil.copytree(tiny_run.path, kinds["runs"] / "a")
    shutil.copyfile(kinds["model"], kinds["lone model"])
    Run(kinds["run without a model"]).model_path.unlink()
    return kinds


def _cases(commands: dict[str, list[str]], words: dict[str, str]) -> list[object]:
    return [
        pytest.param(arguments, kind, sentence, id=f"{name}: {kind}")
        for name, arguments in commands.items()
        for kind, sentence in words.items()
    ]


@pytest.mark.parametrize(
    ("arguments", "kind", "sentence"),
    [
        *_cases(RUN_COMMANDS, RUN_WORDS),
        *_cases(MODEL_COMMANDS, MODEL_WORDS),
        *_cases(DATA_COMMANDS, DATA_WORDS),
    ],
)
def test_an_argument_of_another_kind_is_named_in_one_sentence(
    arguments: list[str],
    kind: str,
    sentence: str,
    paths: dict[str, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    values = {name.replace(" ", "_"): str(path) for name, path in paths.items()} | {"out": str(tmp_path / "out")}
    assert main([argument.format(paths[kind], **values) for argument in arguments]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(sentence)
    assert str(paths[kind]) in line
    assert not list(tmp_path.glob("out*"))


@pytest.mark.parametrize("name", ["test", "learning-curve", "robustness", "resume"])
def test_the_model_file_in_a_run_folder_means_the_run(
    name: str, paths: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outputs = []
    for kind in ("run", "model"):
        arguments = [part.format(paths[kind], out=tmp_path / "out") for part in RUN_COMMANDS[name]]
        outputs.append((main(arguments), capsys.readouterr()))
    assert outputs[0] == outputs[1]


def test_a_run_folder_means_its_model(paths: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", str(paths["run"]), str(paths["image"]), "--json"]) == 0
    from_run = capsys.readouterr().out
    assert main(["predict", str(paths["model"]), str(paths["image"]), "--json"]) == 0
    assert capsys.readouterr().out == from_run


def test_runs_of_other_images_are_not_compared(
    paths: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = Run(Path(shutil.copytree(paths["run"], tmp_path / "other")))
    results = other.results_path.read_text("utf-8")
    other.results_path.write_text(results.replace(str(Path(_root(other))), str(tmp_path / "elsewhere")), "utf-8")
    assert main(["compare", str(paths["run"]), str(other.path)]) == 0
    assert "'run' and 'other' were not evaluated on the same images" in capsys.readouterr().out


def _root(run: Run) -> str:
    return str(run.dataset.root.absolute())


def test_a_list_of_runs_needs_a_folder_with_runs(paths: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runs", str(paths["runs"])]) == 0
    assert str(paths["runs"] / "a") in capsys.readouterr().out
    assert main(["runs", str(paths["run"])]) == 0
    assert str(paths["run"]) in capsys.readouterr().out
    for kind, sentence in (("data", "There are no runs in this folder."), ("missing", "This run does not exist.")):
        assert main(["runs", str(paths[kind])]) == 1
        assert sentence in capsys.readouterr().err


def test_the_settings_of_a_run_can_be_named_by_its_folder(
    paths: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", str(paths["data"]), "--config", str(paths["run"]), "--out", str(tmp_path / "out")]) == 0
    assert Run(tmp_path / "out").config.data.image_size == Run(paths["run"]).config.data.image_size
    assert main(["train", str(paths["data"]), "--config", str(paths["empty"]), "--out", str(tmp_path / "b")]) == 1
    assert "it has no config.json" in capsys.readouterr().err


def test_a_class_folder_that_was_renamed_is_named_when_a_run_is_resumed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, run = write_classes(tmp_path / "data", {"red": 12, "blue": 12}), tmp_path / "run"
    flags = [
        "--model.backbone",
        "se_resnet",
        "--data.image-size",
        "16",
        "--training.batch-size",
        "8",
        "--training.checkpoint-minutes",
        "0",
    ]
    assert main(["train", str(data), "--out", str(run), *flags, "--training.epochs", "1"]) == 0
    lines = Run(run).events_path.read_text("utf-8").splitlines()
    Run(run).events_path.write_text("\n".join(lines[:-1]) + "\n", "utf-8")  # as after a crash
    (data / "red").rename(data / "rouge")
    capsys.readouterr()
    assert main(["resume", str(run)]) == 1
    error = capsys.readouterr().err
    assert "The folder 'red' is no longer in the folder of images. If it was renamed" in error
    assert "Connect its drive" not in error
