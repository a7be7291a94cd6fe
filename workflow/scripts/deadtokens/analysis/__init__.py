"""Arrays in, tables out."""
