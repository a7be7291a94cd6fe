"""Resampling, correlations, concordance, densities of traces, and numbers over random seeds."""
