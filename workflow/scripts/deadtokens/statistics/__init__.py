"""Intervals, survival, resampling, correlations, densities of traces, and numbers over seeds."""
