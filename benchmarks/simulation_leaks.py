"""Does anything but the picture tell the class of a simulated defect image?

A forest and a logistic regression see the statistics of the grey levels, or the imaging conditions; hosts are held out
in five folds. What the picture itself tells a plain model that sees it is given beside, so that chance is no sign of
empty images.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from comma_data.sample import Sample
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.results_form import row

PERCENTILES = (1, 5, 10, 25, 50, 75, 90, 95, 99)
CONDITIONS = (
    "field_nm",
    "thickness_nm",
    "probe_fwhm_nm",
    "dose",
    "jitter_nm",
    "drift_nm",
    "background",
    "contamination",
    "tilt_mrad",
    "rotation",
    "offset",
)
RESAMPLED = 1000


def rows(samples: Sequence[Sample], levels: str) -> list[dict[str, Any]]:
    """Accuracy of each model on each set of features, with its interval over hosts; `levels` is a label."""
    truth = np.array([s.targets["defect"] for s in samples])
    hosts = np.array([s.groups["material"] for s in samples])
    features = {
        "brightness": np.array([_brightness(s) for s in samples]),
        "conditions": np.array([_conditions(s) for s in samples]),
        "local contrast, of the picture": np.array([_texture(s) for s in samples]),
    }
    labels: dict[str, Any] = {"part": "leaks", "levels": levels}
    found = [row("chance", 1 / len(set(truth)), n=len(truth), **labels)]
    for name, values in features.items():
        for model_name, model in _models().items():
            right = cross_val_predict(model, values, truth, groups=hosts, cv=GroupKFold(5)) == truth
            low, high = _interval(right, hosts)
            metric = f"accuracy, {name}, {model_name}"
            found.append(row(metric, float(right.mean()), low=low, high=high, n=len(truth), **labels))
    return found


def _models() -> dict[str, Any]:
    return {
        "logistic regression": make_pipeline(StandardScaler(), LogisticRegression(max_iter=300)),
        "forest": RandomForestClassifier(100, min_samples_leaf=3, random_state=0),
    }


def _brightness(sample: Sample) -> list[float]:
    pixels = sample.fields["image"][0]["pixels"].astype(float)
    extremes = [float(pixels.mean()), float(pixels.std()), float(pixels.min()), float(pixels.max())]
    return [*extremes, *(float(p) for p in np.percentile(pixels, PERCENTILES))]


def _conditions(sample: Sample) -> list[float]:
    known = sample.provenance["image"][0]
    return [float(value) for name in CONDITIONS for value in known[name].split()]


def _texture(sample: Sample) -> list[float]:
    """Spread over the picture of the mean, deviation and extremes of its 36 tiles: where, not how much, is bright."""
    pixels = sample.fields["image"][0]["pixels"].astype(float)
    edge = len(pixels) // 6
    tiles = pixels[: 6 * edge, : 6 * edge].reshape(6, edge, 6, edge).transpose(0, 2, 1, 3).reshape(36, -1)
    measures = np.stack([tiles.mean(1), tiles.std(1), tiles.max(1), tiles.min(1)]) / pixels.mean()
    return [float(v) for v in np.concatenate([np.sort(measures, axis=1)[:, ::5].ravel(), measures.std(axis=1)])]


def _interval(right: np.ndarray, hosts: np.ndarray) -> tuple[float, float]:
    """95 % interval of the accuracy by resampling hosts."""
    by_host = np.array([right[hosts == host].mean() for host in np.unique(hosts)])
    draws = np.random.default_rng(0).integers(0, len(by_host), (RESAMPLED, len(by_host)))
    low, high = np.percentile(by_host[draws].mean(axis=1), (2.5, 97.5))
    return float(low), float(high)
