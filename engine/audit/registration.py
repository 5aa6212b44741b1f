"""Lay two thumbnails over one another and say how alike they are, for many pairs at once."""

import numpy as np
import numpy.typing as npt

Grey = npt.NDArray[np.float32]
"""Thumbnails, shape (P, S, S)."""
_Numbers = npt.NDArray[np.float64]

_SCALES = (1.0, 0.93, 1 / 0.93)
_NUM_STEPS = 6
_LARGEST_STEP = 0.04
_SCALE_RANGE, _SHIFT_RANGE = (0.84, 1.19), (-0.08, 0.08)


def similarity(ours: Grey, theirs: Grey) -> tuple[_Numbers, _Numbers]:
    """Return how alike pairs of thumbnails are as they lie, each shape (P,): correlation, and that of fine detail.

    The better of three scales counts, so that a copy whose edges were cut off looks alike before it is aligned.
    """
    correlation, placed = _best_scale(ours, theirs)
    warped, valid = _warp(ours, placed)
    return correlation, _correlate(_detail(warped), _detail(theirs), valid)


def aligned_similarity(ours: Grey, theirs: Grey) -> tuple[_Numbers, _Numbers]:
    """Return the same once each pair is aligned in scale and shift along both axes.

    The steps are those of Lucas and Kanade (1981) with gain and offset of the brightness solved for beside them.
    """
    best, best_placed = _best_scale(ours, theirs)
    num_pairs, side, _ = ours.shape
    placed = best_placed.copy()
    along = ((np.arange(side) + 0.5) / side - 0.5).astype(np.float32)
    right = theirs.reshape(num_pairs, -1, 1)
    for _ in range(_NUM_STEPS):
        warped, valid = _warp(ours, placed)
        across = np.gradient(warped, axis=2) * (side / placed[:, 0, None, None])
        down = np.gradient(warped, axis=1) * (side / placed[:, 2, None, None])
        parts = (across * along, across, down * along[:, None], down, warped, np.ones_like(warped))
        slopes = np.stack(parts, -1).reshape(num_pairs, -1, len(parts))
        weighted = (slopes * valid.reshape(num_pairs, -1, 1)).transpose(0, 2, 1)
        solved = np.linalg.solve(weighted @ slopes + 1e-3 * np.eye(len(parts)), weighted @ right)[:, :, 0]
        gain = np.maximum(solved[:, 4], 0.2)
        placed = placed + np.clip(solved[:, :4] / gain[:, None], -_LARGEST_STEP, _LARGEST_STEP)
        placed[:, ::2] = np.clip(placed[:, ::2], *_SCALE_RANGE)
        placed[:, 1::2] = np.clip(placed[:, 1::2], *_SHIFT_RANGE)
        now = _correlate(*_warped_pair(ours, theirs, placed))
        is_better = now > best
        best = np.where(is_better, now, best)
        best_placed[is_better] = placed[is_better]
    warped, valid = _warp(ours, best_placed)
    return best, _correlate(_detail(warped), _detail(theirs), valid)


def _best_scale(ours: Grey, theirs: Grey) -> tuple[_Numbers, _Numbers]:
    """Return the correlation at the best of the fixed scales and the placing: scale and shift across, then down."""
    tried = []
    for scale in _SCALES:
        placed = np.tile([scale, 0.0, scale, 0.0], (len(ours), 1))
        tried.append(_correlate(*_warped_pair(ours, theirs, placed)))
    chosen = np.argmax(tried, axis=0)
    placed = np.zeros((len(ours), 4))
    placed[:, 0] = placed[:, 2] = np.array(_SCALES)[chosen]
    return np.max(tried, axis=0), placed


def _warped_pair(ours: Grey, theirs: Grey, placed: _Numbers) -> tuple[Grey, Grey, Grey]:
    warped, valid = _warp(ours, placed)
    return warped, theirs, valid


def _warp(images: Grey, placed: _Numbers) -> tuple[Grey, Grey]:
    """Return images sampled at other places, and 1 where a place was inside, 0 where not."""
    across, is_inside_across = _sampling(placed[:, 0], placed[:, 1], images.shape[2])
    down, is_inside_down = _sampling(placed[:, 2], placed[:, 3], images.shape[1])
    valid = is_inside_down[:, :, None] & is_inside_across[:, None, :]
    warped = np.asarray(down @ images @ across.transpose(0, 2, 1), np.float32)
    return warped, valid.astype(np.float32)


def _sampling(scale: _Numbers, shift: _Numbers, side: int) -> tuple[Grey, npt.NDArray[np.bool_]]:
    """Return matrices (P, S, S) that sample rows linearly, and which of the places lie inside."""
    middle = (np.arange(side) + 0.5) / side - 0.5
    places = (middle * scale[:, None] + shift[:, None] + 0.5) * side - 0.5
    is_inside = (places >= -0.5) & (places <= side - 0.5)
    places = np.clip(places, 0, side - 1)
    before = np.minimum(places.astype(np.int64), side - 2)
    share = (places - before).astype(np.float32)
    matrices = np.zeros((len(scale), side, side), np.float32)
    pairs, rows = np.arange(len(scale))[:, None], np.arange(side)[None]
    matrices[pairs, rows, before] = 1 - share
    matrices[pairs, rows, before + 1] = share
    return matrices, is_inside


def _correlate(ours: Grey, theirs: Grey, valid: Grey) -> _Numbers:
    """Return Pearson's correlation over the valid pixels, shape (P,); 0 where a picture is of one colour."""
    num_valid = valid.sum((1, 2))
    ours = ours - ((ours * valid).sum((1, 2)) / num_valid)[:, None, None]
    theirs = theirs - ((theirs * valid).sum((1, 2)) / num_valid)[:, None, None]
    product = (ours * theirs * valid).sum((1, 2))
    norm = np.sqrt((ours**2 * valid).sum((1, 2)) * (theirs**2 * valid).sum((1, 2)) + 1.0)
    return np.asarray(product / norm, np.float64)


def _detail(images: Grey) -> Grey:
    """Return what the mean of 3 x 3 pixels leaves."""
    side = images.shape[1]
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1)), mode="edge")
    smooth = sum(padded[:, row : row + side, column : column + side] for row in range(3) for column in range(3))
    return np.asarray(images - smooth / 9, np.float32)
