"""Resampling, correlations, and densities of traces."""
