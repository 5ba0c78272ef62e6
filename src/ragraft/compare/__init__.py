"""From evaluations to a recommendation and its report."""
