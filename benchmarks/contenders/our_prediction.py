"""Classifold's own prediction: the folder three times, then single images with the model warm."""

import statistics
from pathlib import Path

from benchmarks.contenders.task import Clock, print_measurement, task_from_arguments
from engine.core.event_stream import run_to_end
from engine.data.dataset import find_images
from engine.ml.evaluation.predict import predict_paths

NUM_SINGLE = 40


def main() -> None:
    """Tell the speed of each pass and the median time of a single image."""
    task = task_from_arguments()
    model = Path(task.model)
    for _ in range(3):
        clock = Clock()
        num_images = run_to_end(predict_paths(model, [Path(task.data)], 5))
        print_measurement(images_per_second=num_images / clock.seconds)
    times = []
    for path in find_images(Path(task.data))[:NUM_SINGLE]:
        clock = Clock()
        run_to_end(predict_paths(model, [path], 5))
        times.append(clock.seconds)
    print_measurement(single_milliseconds=1000 * statistics.median(times))


if __name__ == "__main__":
    main()
