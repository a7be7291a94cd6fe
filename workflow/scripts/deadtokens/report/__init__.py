"""Verdicts, and the pages of the report."""
