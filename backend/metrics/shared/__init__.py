"""What several metrics share: linear algebra, rounding, splits, heads, why a number is undefined."""
