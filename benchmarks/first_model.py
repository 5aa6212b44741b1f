"""The model of a user who changes no setting, beside fastai and beside each way of training alone.

`python -m benchmarks.first_model --shared FOLDER --data NAME`: against fastai's `fine_tune` in the same time, from the
included weights and from MobileNetV2's. With `--alone`: against each candidate of the race alone, in the same time.
"""

import tempfile
from pathlib import Path

import tyro

from benchmarks.comparison import Output, best_accuracy, last_seconds, run_contender
from benchmarks.contenders.task import Task
from benchmarks.output import print_header, print_row
from engine.config.backbones import INCLUDED_BACKBONE, find_backbone
from engine.config.local_weights import weights_path

DATASETS = ("hymenoptera", "weather", "sign_digits", "flowers_small")
_MIN_EPOCHS = 2
"""fastai's `fine_tune` trains the head for one epoch and then all layers."""


def main(
    shared: Path = Path("../shared"), data: tuple[str, ...] = DATASETS, seeds: int = 3, alone: bool = False
) -> None:
    """Compare the accuracy of the first model.

    Args:
        shared: Folder with the folders `data` and `weights`.
        data: Names of the datasets.
        seeds: Number of seeds, from 0.
        alone: Compare with the candidates alone instead of with fastai.
    """
    titles = (
        ("linear head", "last block alone", "all layers alone")
        if alone
        else ("fastai, included", "fastai, MobileNetV2")
    )
    print_header("data", "seed", "no settings", *titles)
    for name in data:
        for seed in range(seeds):
            task = Task(str(shared.resolve() / "data" / name), seed=seed)
            ours = _ours("our_first_model", task)
            others = _candidates_alone(task, ours) if alone else _fastai(task, ours, shared.resolve() / "weights")
            print_row(name, seed, _result(ours), *others)


def _ours(contender: str, task: Task) -> Output:
    with tempfile.TemporaryDirectory() as home:
        return run_contender(contender, task, CLASSIFOLD_HOME=home)


def _candidates_alone(task: Task, ours: Output) -> list[str]:
    task = task.changed(backbone=INCLUDED_BACKBONE, weights="default")
    head = next(line for line in ours if str(line.get("candidate", "")).endswith("linear head"))
    budget = next(line["budget"] for line in ours if "budget" in line)
    epoch = max(line["epoch_seconds"] for line in ours if "epoch_seconds" in line)
    quick = _ours("our_training", task.changed(mode="quick", budget=budget))
    full = _ours("our_training", task.changed(mode="full", epochs=max(1, round(budget / epoch))))
    return [f"{head['best']:.3f}", _result(quick), _result(full)]


def _fastai(task: Task, ours: Output, weights: Path) -> list[str]:
    included = str(weights_path(find_backbone(INCLUDED_BACKBONE)))
    starts = ((INCLUDED_BACKBONE, included), ("mobilenet_v2", str(weights / "mobilenet_v2.pth")))
    return [_result(_fastai_within(task.changed(backbone=name, weights=path), ours)) for name, path in starts]


def _fastai_within(task: Task, ours: Output) -> Output:
    """Return fastai's training with the number of epochs that take about as long as ours, at least two."""
    output = run_contender("fastai_training", task.changed(epochs=_MIN_EPOCHS))
    num_epochs = round(_MIN_EPOCHS * last_seconds(ours) / last_seconds(output))
    return output if num_epochs <= _MIN_EPOCHS else run_contender("fastai_training", task.changed(epochs=num_epochs))


def _result(output: Output) -> str:
    return f"{best_accuracy(output):.3f} in {last_seconds(output):.0f} s"


if __name__ == "__main__":
    tyro.cli(main)
