"""Prediction with timm's dataset, loader with worker processes and transforms, as in its inference script."""

import torch
from timm.data import create_dataset, create_loader
from torchvision.models import get_model

from benchmarks.contenders.task import Clock, print_measurement, task_from_arguments


def main() -> None:
    """Predict the folder three times and print the speed of each pass."""
    task = task_from_arguments()
    network = get_model(task.backbone)
    network.load_state_dict(torch.load(task.weights, weights_only=True))
    network.float().eval()
    dataset = create_dataset("", root=task.data)
    loader = create_loader(
        dataset,
        (3, task.image_size, task.image_size),
        task.batch_size,
        use_prefetcher=False,
        num_workers=2,
        crop_pct=0.875,
        device=torch.device("cpu"),
    )
    for _ in range(3):
        clock = Clock()
        with torch.inference_mode():
            for batch, _ in loader:
                network(batch).softmax(-1).topk(5)
        print_measurement(images_per_second=len(dataset) / clock.seconds)


if __name__ == "__main__":
    main()
