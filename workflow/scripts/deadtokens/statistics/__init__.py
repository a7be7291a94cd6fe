"""Resampling, and densities of traces."""
