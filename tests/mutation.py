"""Mutation testing: `python -m tests.mutation [NAME ...]` prints the share of mutants that no test kills.

Needs `pip install -e ".[mutation]"`. mutmut changes one group of files at a time in a copy of the sources and runs the
tests of that group, which takes between one and twenty minutes on two cores.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[1]


def _training(names: str, tests: str) -> tuple[list[str], list[str]]:
    return (
        [f"engine/ml/training/{name}.py" for name in names.split()],
        [f"tests/engine/ml/training/test_{name}.py" for name in tests.split()],
    )


GROUPS = {
    "splits": (
        [f"engine/data/{name}.py" for name in ("splits", "split_selection", "split_units")],
        [f"tests/engine/data/test_split{part}.py" for part in ("s", "_file", "_units")],
    ),
    "decode": (
        [
            "engine/data/decode.py",
            *(f"engine/data/pixels/{name}.py" for name in ["decode_limits", "deep_colours", "deep_samples", "to_rgb"]),
            "engine/data/pixels/grey_range.py",
        ],
        [
            *(f"tests/engine/data/test_decode{part}.py" for part in ("", "_errors", "_reduction")),
            *(f"tests/engine/data/pixels/test_{name}.py" for name in ("decode_limits", "deep_greys")),
        ],
    ),
    "calibration": (["engine/results/calibration.py"], ["tests/engine/results/test_calibration.py"]),
    "steps": _training(
        "step optim phases early_stopping setup state",
        "step optim phases early_stopping setup prepare_run state",
    ),
    "epochs": _training(
        "epoch validation batch_source feature_source build_phases",
        "epoch epoch_progress validation batch_source feature_source build_phases step",
    ),
    "runs": _training("run_phase finalize loop", "run_phase finalize unfinished_run phase_order legacy_checkpoint"),
    "checkpoints": _training(
        "checkpoint checkpoint_file checkpoint_state checkpoint_writer legacy_checkpoint",
        "restore checkpoint_writer legacy_checkpoint",
    ),
}
"""Files that are mutated, and the tests that must fail, by the name of the group."""


def count_mutants(sources: list[str], tests: list[str], folder: Path) -> dict[str, Counter[str]]:
    """Mutate files in a copy of the project below an empty folder; return the outcomes of the mutants by file."""
    for name in ("engine", "gui", "resources", "tests"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "LICENSE", folder)
    settings = {
        "source_paths": ["engine"],
        "only_mutate": sources,
        "also_copy": ["gui", "resources", "tests", "LICENSE"],
        "pytest_add_cli_args": ["-p", "no:cacheprovider", "-x", "--no-header", "-n", "0"],
        "pytest_add_cli_args_test_selection": tests,
    }
    lines = [f"{name} = {value}" for name, value in settings.items()]  # lists of plain names read the same in TOML
    config = (ROOT / "pyproject.toml").read_text("utf-8")
    (folder / "pyproject.toml").write_text(f"{config}\n[tool.mutmut]\n" + "\n".join(lines) + "\n", "utf-8")
    environment = os.environ | {"OMP_NUM_THREADS": "1", "QT_QPA_PLATFORM": "offscreen"}
    environment.pop("PYTHONPATH", None)
    mutmut = str(Path(sys.executable).with_name("mutmut"))
    subprocess.run([mutmut, "run", "--max-children", str(os.cpu_count() or 1)], cwd=folder, env=environment, check=True)
    listed = subprocess.run([mutmut, "results", "--all", "true"], cwd=folder, env=environment, capture_output=True)
    outcomes: dict[str, Counter[str]] = {}
    for line in listed.stdout.decode().splitlines():
        mutant, _, outcome = line.strip().partition(": ")
        if "__mutmut_" in mutant:
            module = mutant.rpartition(".")[0]  # the name of the function follows
            outcomes.setdefault(module, Counter())[outcome] += 1
    return outcomes


def main() -> None:
    """Print a table of the groups that the command line names, or of all."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("groups", nargs="*", choices=[[], *GROUPS], help="groups of files; default: all")
    rows = []
    for name in parser.parse_args().groups or GROUPS:
        with tempfile.TemporaryDirectory() as folder:
            for module, outcomes in sorted(count_mutants(*GROUPS[name], Path(folder)).items()):
                survived = outcomes["survived"] + outcomes["no tests"] + outcomes["suspicious"]
                rows.append((module, outcomes.total(), survived))
    rows.append(("all", sum(row[1] for row in rows), sum(row[2] for row in rows)))
    print("\n| module | mutants | survived | share |\n|---|---|---|---|")  # noqa: T201
    for module, total, survived in rows:
        print(f"| {module} | {total} | {survived} | {survived / max(1, total):.1%} |")  # noqa: T201


if __name__ == "__main__":
    main()
