"""Runs side by side, and beside the published figures."""
