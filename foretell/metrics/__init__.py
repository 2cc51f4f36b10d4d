"""Metrics of predictions, for training and for prediction: NumPy in, plain values out, ready for JSON."""

from foretell.metrics.single_label import (
    bits_per_byte,
    calibration_bins,
    calibration_error,
    coverage_curve,
    label_metrics,
    log_loss,
    mean_accuracy,
    mean_loss,
    perplexity_of,
    reliability_bins,
)

__all__ = [
    "bits_per_byte",
    "calibration_bins",
    "calibration_error",
    "coverage_curve",
    "label_metrics",
    "log_loss",
    "mean_accuracy",
    "mean_loss",
    "perplexity_of",
    "reliability_bins",
]
