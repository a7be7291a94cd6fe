"""Resampling, correlations, densities of traces, and numbers over random seeds."""
