"""Pages of HTML for the report: tables in, text out; they know not how numbers came about."""
