"""Image registration of thumbnail pairs: similarity before and after alignment, vectorised over pairs."""

import numpy as np
import numpy.typing as npt

Grey = npt.NDArray[np.float32]
"""Thumbnails, shape (P, S, S)."""
_Numbers = npt.NDArray[np.float64]

_SCALES = (1.0, 0.93, 1 / 0.93)
_NUM_STEPS = 6
_MAX_STEP = 0.04
_SCALE_RANGE, _SHIFT_RANGE = (0.84, 1.19), (-0.08, 0.08)


def similarity(ours: Grey, theirs: Grey) -> tuple[_Numbers, _Numbers]:
    """Return the similarity of thumbnail pairs without alignment.

    The best of three scales is used, so that cropped duplicates are similar before alignment.

    Args:
        ours: First thumbnails, float32, shape (P, S, S).
        theirs: Second thumbnails, float32, shape (P, S, S).

    Returns:
        Pearson correlations of the thumbnails and of their fine detail, each shape (P,).
    """
    correlation, parameters = _best_scale(ours, theirs)
    warped, valid = _warp(ours, parameters)
    return correlation, _correlate(_detail(warped), _detail(theirs), valid)


def aligned_similarity(ours: Grey, theirs: Grey) -> tuple[_Numbers, _Numbers]:
    """Return the similarity of thumbnail pairs after alignment in scale and shift along both axes.

    The alignment is that of Lucas and Kanade (1981), which also estimates gain and offset of the brightness.

    Args:
        ours: First thumbnails, float32, shape (P, S, S).
        theirs: Second thumbnails, float32, shape (P, S, S).

    Returns:
        Pearson correlations of the thumbnails and of their fine detail, each shape (P,).
    """
    best, best_parameters = _best_scale(ours, theirs)
    num_pairs, side, _ = ours.shape
    parameters = best_parameters.copy()
    along = ((np.arange(side) + 0.5) / side - 0.5).astype(np.float32)
    right = theirs.reshape(num_pairs, -1, 1)
    for _ in range(_NUM_STEPS):
        warped, valid = _warp(ours, parameters)
        across = np.gradient(warped, axis=2) * (side / parameters[:, 0, None, None])
        down = np.gradient(warped, axis=1) * (side / parameters[:, 2, None, None])
        columns = (across * along, across, down * along[:, None], down, warped, np.ones_like(warped))
        slopes = np.stack(columns, -1).reshape(num_pairs, -1, len(columns))
        weighted = (slopes * valid.reshape(num_pairs, -1, 1)).transpose(0, 2, 1)
        solved = np.linalg.solve(weighted @ slopes + 1e-3 * np.eye(len(columns)), weighted @ right)[:, :, 0]
        gain = np.maximum(solved[:, 4], 0.2)
        parameters = parameters + np.clip(solved[:, :4] / gain[:, None], -_MAX_STEP, _MAX_STEP)
        parameters[:, ::2] = np.clip(parameters[:, ::2], *_SCALE_RANGE)
        parameters[:, 1::2] = np.clip(parameters[:, 1::2], *_SHIFT_RANGE)
        now = _correlate(*_warped_pair(ours, theirs, parameters))
        is_better = now > best
        best = np.where(is_better, now, best)
        best_parameters[is_better] = parameters[is_better]
    warped, valid = _warp(ours, best_parameters)
    return best, _correlate(_detail(warped), _detail(theirs), valid)


def _best_scale(ours: Grey, theirs: Grey) -> tuple[_Numbers, _Numbers]:
    """Return correlations (P,) at the best fixed scale, and parameters (P, 4): x scale, x shift, y scale, y shift."""
    correlations = []
    for scale in _SCALES:
        parameters = np.tile([scale, 0.0, scale, 0.0], (len(ours), 1))
        correlations.append(_correlate(*_warped_pair(ours, theirs, parameters)))
    chosen = np.argmax(correlations, axis=0)
    parameters = np.zeros((len(ours), 4))
    parameters[:, 0] = parameters[:, 2] = np.array(_SCALES)[chosen]
    return np.max(correlations, axis=0), parameters


def _warped_pair(ours: Grey, theirs: Grey, parameters: _Numbers) -> tuple[Grey, Grey, Grey]:
    warped, valid = _warp(ours, parameters)
    return warped, theirs, valid


def _warp(images: Grey, parameters: _Numbers) -> tuple[Grey, Grey]:
    """Return resampled images and masks, both (P, S, S); a mask is 1 where the position is inside the image."""
    across, is_inside_across = _sampling(parameters[:, 0], parameters[:, 1], images.shape[2])
    down, is_inside_down = _sampling(parameters[:, 2], parameters[:, 3], images.shape[1])
    valid = is_inside_down[:, :, None] & is_inside_across[:, None, :]
    warped = np.asarray(down @ images @ across.transpose(0, 2, 1), np.float32)
    return warped, valid.astype(np.float32)


def _sampling(scale: _Numbers, shift: _Numbers, side: int) -> tuple[Grey, npt.NDArray[np.bool_]]:
    """Return matrices (P, S, S) for linear interpolation along one axis, and which positions are inside (P, S)."""
    middle = (np.arange(side) + 0.5) / side - 0.5
    positions = (middle * scale[:, None] + shift[:, None] + 0.5) * side - 0.5
    is_inside = (positions >= -0.5) & (positions <= side - 0.5)
    positions = np.clip(positions, 0, side - 1)
    before = np.minimum(positions.astype(np.int64), side - 2)
    share = (positions - before).astype(np.float32)
    matrices = np.zeros((len(scale), side, side), np.float32)
    pairs, rows = np.arange(len(scale))[:, None], np.arange(side)[None]
    matrices[pairs, rows, before] = 1 - share
    matrices[pairs, rows, before + 1] = share
    return matrices, is_inside


def _correlate(ours: Grey, theirs: Grey, valid: Grey) -> _Numbers:
    """Return Pearson correlations over the valid pixels, shape (P,); 0 for a constant image."""
    num_valid = valid.sum((1, 2))
    ours = ours - ((ours * valid).sum((1, 2)) / num_valid)[:, None, None]
    theirs = theirs - ((theirs * valid).sum((1, 2)) / num_valid)[:, None, None]
    product = (ours * theirs * valid).sum((1, 2))
    norm = np.sqrt((ours**2 * valid).sum((1, 2)) * (theirs**2 * valid).sum((1, 2)) + 1.0)
    return np.asarray(product / norm, np.float64)


def _detail(images: Grey) -> Grey:
    """Return images minus their 3 x 3 box blur."""
    side = images.shape[1]
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1)), mode="edge")
    smooth = sum(padded[:, row : row + side, column : column + side] for row in range(3) for column in range(3))
    return np.asarray(images - smooth / 9, np.float32)
