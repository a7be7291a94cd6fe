"""Resampling, correlations, concordance, and densities of traces."""
