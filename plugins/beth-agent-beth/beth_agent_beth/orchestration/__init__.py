"""What Beth does about requests: plans carried out, results taken, work merged, clones cleared away."""
