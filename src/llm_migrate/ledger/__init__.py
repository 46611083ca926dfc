"""Budgets: what may be used of each offer, what is used, and what it costs."""
