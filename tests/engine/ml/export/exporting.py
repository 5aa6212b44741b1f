"""Settings and functions that the tests of exports share."""

from pathlib import Path

from engine import jobs
from engine.core.event_stream import run_to_end
from engine.results.export_verification import ExportOptions, ExportVerification
from engine.runs.run_folder import Run
from tests.scratch_config import scratch_config

ONNX, PT2, INT8 = ExportOptions(), ExportOptions(format="pt2"), ExportOptions(int8=True)
CONFIG = (
    scratch_config()
    .changed("data", image_size=24)
    .changed("training", epochs=3, batch_size=8, device="cpu")
    .changed("optim", lr=5e-3)
)


def export_to(run: Run, path: Path, options: ExportOptions, data: Path | None = None) -> ExportVerification:
    return run_to_end(jobs.export(run.model_path, path, options, data))
