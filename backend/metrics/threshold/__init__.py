"""What one dimension knows of the labels."""

from backend.metrics.threshold.kernel import Threshold, best_intervals, svm_intervals, threshold_accuracy

__all__ = ["Threshold", "best_intervals", "svm_intervals", "threshold_accuracy"]
