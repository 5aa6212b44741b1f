"""The sentence on the Train page that says what a training does."""

from pathlib import PureWindowsPath

from engine.config.backbones import find_backbone
from engine.config.network_names import network_name
from engine.config.settings import RunConfig
from engine.core.formatting import count, duration, listing

_MAX_CANDIDATES = 3
_VERBS = {False: ("Trains", "keeps"), True: ("Training", "keeping")}
_PHASES = "first its head, then the last block, then all layers"


def training_sentence(config: RunConfig, num_images: int | None, *, is_running: bool = False) -> str:
    """Return one sentence: network, start weights, trained layers, number of images and length of the training.

    Args:
        config: Resolved settings.
        num_images: Number of training and validation images, or None while it is unknown.
        is_running: True for a training that runs now.
    """
    budget, mode = config.training.budget_seconds, config.training.mode
    images = "" if num_images is None else f" on {count(num_images, 'image')}"
    length = f"for {count(config.training.epochs, 'epoch')}" if budget is None else f"for about {duration(budget)}"
    network = _describe_network(config)
    if config.model.weights != "none" and mode == "full" and budget is not None:
        return _describe_race(config, network, f"{images} {length}", is_running)
    layers = {"full": "", "head": "only the head of ", "quick": "only the last block and the head of "}[mode]
    verb, keeps = _VERBS[is_running]
    return f"{verb} {layers}{network}{images} {length}, and {keeps} the best epoch."


def _describe_race(config: RunConfig, network: str, rest: str, is_running: bool) -> str:
    verb, keeps = _VERBS[is_running]
    end = f"{rest}: {_PHASES}, and {keeps} the best."
    if not config.model.candidates:
        return f"{verb} {network}{end}"
    others = listing([network_name(name) for name in config.model.candidates], _MAX_CANDIDATES)
    compares = "Comparing" if is_running else "Compares"
    return f"{compares} {network} with {others}, then {verb.lower()} the best of them{end}"


def _describe_network(config: RunConfig) -> str:
    """Return the network with its start weights, such as `the included EfficientNet-Lite0`."""
    row, weights = find_backbone(config.model.backbone), config.model.weights
    name = network_name(row.name)
    if weights == "none":
        return f"{name} from scratch"
    if weights != "default":
        return f"{name} from the weights file {PureWindowsPath(weights).name}"
    return f"the included {name}" if row.is_included else f"the pretrained {name}"
