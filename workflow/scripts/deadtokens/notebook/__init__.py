"""A run in a notebook (`deadtokens.open_run`): its quantities by step, its tables, a picture."""
