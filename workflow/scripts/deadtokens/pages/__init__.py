"""Pages of one file that need no network: their parts put together, and tables packed into them."""
