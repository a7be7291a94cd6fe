"""Resampling, intervals, survival, correlations, and densities of traces."""
