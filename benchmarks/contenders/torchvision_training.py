"""Training with the loop of PyTorch's transfer-learning tutorial: DataLoader, torchvision transforms, AdamW."""

import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms
from torchvision.models import get_model

from benchmarks.contenders.task import Clock, Task, print_measurement, task_from_arguments

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class Images(Dataset[tuple[Tensor, int]]):
    """The training images of a task, augmented."""

    def __init__(self, task: Task) -> None:
        dataset = task.dataset
        self._root, self._samples = dataset.root, dataset.of_split("train")
        self._transform = transforms.Compose(
            [
                transforms.RandomResizedCrop(task.image_size, scale=(0.5, 1)),
                transforms.RandomHorizontalFlip(),
                transforms.ColorJitter(0.2, 0.2, 0.2),
                transforms.ToTensor(),
                transforms.Normalize(MEAN, STD),
            ]
        )

    def __len__(self) -> int:
        return len(self._samples)

    def __getitem__(self, position: int) -> tuple[Tensor, int]:
        sample = self._samples[position]
        with Image.open(self._root / sample.path) as image:
            return self._transform(image.convert("RGB")), sample.label


def main() -> None:
    """Train and print the speed of each epoch."""
    task = task_from_arguments()
    torch.manual_seed(task.seed)
    images = Images(task)
    loader = DataLoader(images, batch_size=task.batch_size, shuffle=True, num_workers=2, persistent_workers=True)
    network = get_model(task.backbone, num_classes=len(task.dataset.classes)).train()
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3)
    for _ in range(task.epochs):
        clock = Clock()
        for batch, labels in loader:
            loss = nn.functional.cross_entropy(network(batch), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        print_measurement(images_per_second=len(images) / clock.seconds)


if __name__ == "__main__":
    main()
