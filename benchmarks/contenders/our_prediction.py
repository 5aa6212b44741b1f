"""Prediction with Classifold: the folder three times, then single images with the model loaded."""

import statistics
from pathlib import Path

from benchmarks.contenders.task import Clock, print_measurement, task_from_arguments
from engine.core.event_stream import run_to_end
from engine.data.dataset import find_images
from engine.ml.evaluation.predict import predict_paths

NUM_SINGLE = 40


def main() -> None:
    """Print the speed of each pass and the median time of a single image."""
    task = task_from_arguments()
    model = Path(task.model)
    for _ in range(3):
        clock = Clock()
        num_images = run_to_end(predict_paths(model, [Path(task.data)], num_top=5, max_error=None))
        print_measurement(images_per_second=num_images / clock.seconds)
    times = []
    for path in find_images(Path(task.data))[:NUM_SINGLE]:
        clock = Clock()
        run_to_end(predict_paths(model, [path], num_top=5, max_error=None))
        times.append(clock.seconds)
    print_measurement(single_milliseconds=1000 * statistics.median(times))


if __name__ == "__main__":
    main()
