"""Tests of suspected wrong labels and of the accuracy before and after corrections."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engine import jobs
from engine.audit.findings import Audit
from engine.cli.main import main
from engine.core.errors import EngineError
from engine.core.event_stream import run_to_end
from engine.data.dataset import Dataset, Sample, scan
from engine.data.groups.photo_groups import PhotoGroup, PhotoGroups
from engine.data.label_overrides import append_decision
from engine.data.splits import split
from engine.ml.evaluation import label_errors
from engine.ml.evaluation.label_errors import find_label_issues, rank_label_issues
from engine.ml.evaluation.linear_probe import Embeddings, assign_folds, out_of_fold_probabilities
from tests.engine.ml.evaluation.test_linear_probe import clusters
from tests.images import write_classes
from tests.scratch_config import scratch_config


def test_flipped_labels_are_ranked_first_with_their_true_class_suggested() -> None:
    vectors, truth = clusters(50, 4)
    labels = truth.copy()
    flipped = np.random.default_rng(1).permutation(len(truth))[:10]
    labels[flipped] = (truth[flipped] + 1) % 4
    samples = tuple(Sample(f"{row:03}", int(label)) for row, label in enumerate(labels))
    queue = rank_label_issues(
        Embeddings(samples, vectors), out_of_fold_probabilities(vectors, labels, 4), ("a", "b", "c", "d")
    )
    assert {int(item.path) for item in queue[:10]} == set(flipped.tolist())
    assert all(item.suggested == "abcd"[truth[int(item.path)]] for item in queue[:10])
    assert all(0.5 < item.score <= 1 for item in queue)


def test_a_class_with_low_confidence_is_compared_with_its_own_threshold() -> None:
    # Images of class 1 have a probability of 0.4, which is also the threshold of that class
    probabilities = np.array([[0.6, 0.4], [0.6, 0.4], [0.99, 0.01], [0.98, 0.02]])
    scores, suggested, is_issue = find_label_issues(probabilities, np.array([1, 1, 0, 0]))
    assert scores.tolist() == pytest.approx([0.6, 0.6, 0.01, 0.02])
    assert not is_issue.any()
    assert suggested.tolist() == [0, 0, 1, 1]
    assert find_label_issues(probabilities, np.array([1, 1, 0, 1]))[2].tolist() == [False, False, False, True]


CONFIG = scratch_config().changed("data", image_size=16).changed("training", epochs=2, batch_size=8)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Red and blue pictures, two of them in the wrong folder."""
    root = write_classes(tmp_path / "data", {"red": 14, "blue": 14})
    (root / "red" / "000.png").rename(root / "blue" / "lost.png")
    (root / "blue" / "001.png").rename(root / "red" / "lost.png")
    return root


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A model that learnt from other images of the same colours."""
    other = write_classes(tmp_path / "other", {"red": 14, "blue": 14}, seed=1)
    return run_to_end(jobs.train(split(scan(other), 0.2, 0), CONFIG, tmp_path / "run")).model_path


def test_images_in_the_wrong_folder_are_queued_and_corrections_raise_the_accuracy(data: Path, model: Path) -> None:
    dataset = scan(data)
    review = run_to_end(jobs.review(dataset, model, Audit()))
    assert {item.path for item in review.items[:2]} == {"red/lost.png", "blue/lost.png"}
    assert review.num_images == 28
    append_decision(data, "red/lost.png", "relabel", "blue")
    append_decision(data, "blue/lost.png", "relabel", "red")
    assert not {"red/lost.png", "blue/lost.png"} & {
        i.path for i in run_to_end(jobs.review(scan(data), model, Audit())).items
    }
    gain = run_to_end(jobs.evaluate_corrections(scan(data), model))
    assert gain.accuracy_given < gain.after
    assert gain.before <= gain.after
    assert gain.num_images == gain.num_given == 28


def test_only_images_that_the_model_has_not_learnt_from_count_for_the_accuracy(data: Path, tmp_path: Path) -> None:
    own = run_to_end(jobs.train(split(scan(data), 0.2, 0), CONFIG, tmp_path / "own"))
    num_val = len(own.dataset.of_split("val"))
    assert run_to_end(jobs.review(scan(data), own.model_path, Audit())).num_images == num_val
    gain = run_to_end(jobs.evaluate_corrections(scan(data), own.model_path))
    assert gain.num_images == gain.num_given == num_val
    for sample in own.dataset.of_split("val"):
        (data / sample.path).unlink()
    assert run_to_end(jobs.review(scan(data), own.model_path, Audit())).accuracy is None
    with pytest.raises(EngineError, match="learnt from all"):
        run_to_end(jobs.evaluate_corrections(scan(data), own.model_path))


def test_images_of_the_test_split_are_not_reviewed(data: Path, model: Path) -> None:
    dataset = scan(data)
    parts = tuple(replace(s, split="test") if "lost" in s.path else s for s in dataset.samples)
    review = run_to_end(jobs.review(Dataset(data, dataset.classes, parts), model, Audit()))
    assert review.num_images == 26
    assert not any("lost" in item.path for item in review.items)


def test_no_image_is_predicted_by_a_probe_that_learnt_from_its_event(
    data: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = scan(data)
    events = tuple(
        PhotoGroup(kind="time", paths=tuple(s.path for s in dataset.samples if s.label == label)[start : start + 5])
        for label in (0, 1)
        for start in (0, 5)
    )
    folds: list[dict[str, int]] = []
    original = label_errors.out_of_fold_probabilities

    def record(vectors, labels, num_classes, seed=0, groups=None):  # type: ignore[no-untyped-def]
        folds.append(dict(zip([s.path for s in dataset.samples], assign_folds(labels, groups, seed).tolist())))
        return original(vectors, labels, num_classes, seed, groups)

    monkeypatch.setattr(label_errors, "out_of_fold_probabilities", record)
    run_to_end(jobs.review(dataset, model, Audit(photo_groups=PhotoGroups(groups=events))))
    (fold_of,) = folds
    assert all(len({fold_of[path] for path in event.paths}) == 1 for event in events)
    assert len(set(fold_of.values())) > 1


def test_without_a_model_there_is_no_accuracy(data: Path) -> None:
    assert run_to_end(jobs.review(scan(data), None, Audit())).accuracy is None


def test_the_command_line_lists_and_corrects_labels(
    data: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["review", str(data), "--model", str(model), "--most", "2"]) == 0
    output = capsys.readouterr().out
    assert "red/lost.png: Labelled red, model says blue" in output
    assert "cross-validated accuracy" in output
    assert main(["relabel", str(data), "red/lost.png", "--to", "blue"]) == 0
    assert main(["relabel", str(data), str(data / "blue" / "lost.png"), "--exclude"]) == 0
    assert scan(data).counts() == [14, 13]
    assert main(["relabel", str(data), "--undo"]) == 0
    assert scan(data).counts() == [15, 13]
    assert main(["review", str(data), "--json"]) == 0
    assert '"correction_gain": null' in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["red/lost.png", "--to", "green"], "no class 'green'"),
        (["red/none.png", "--keep"], "not in the dataset"),
        (["red/lost.png"], "--to CLASS"),
        (["red/lost.png", "--keep", "--exclude"], "--to CLASS"),
        (["--undo"], "no decision to undo"),
        (["red/lost.png", "--undo"], "no other option"),
    ],
)
def test_an_invalid_correction_prints_an_error(
    data: Path, arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["relabel", str(data), *arguments]) == 1
    assert words in capsys.readouterr().err
