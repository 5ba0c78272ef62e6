"""Comparing arms: statistics, costs, the recommendation and its report."""
