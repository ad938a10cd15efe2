"""The report of a pair of models before and after fine-tuning: which analyses, and what is said of their results."""
