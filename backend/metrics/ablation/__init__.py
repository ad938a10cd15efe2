"""What a head still gets right while dimensions are taken away."""

from backend.metrics.ablation.kernel import ablated_predictions, ablation_curve, head_ablation_curve

__all__ = ["ablated_predictions", "ablation_curve", "head_ablation_curve"]
